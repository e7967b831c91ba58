"""Any basic index, and any mask, on any array: as NumPy has it."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

pytest.importorskip("array_api_strict")
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.array_api import make_strategies_namespace

import gradatim.array_api as xp

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    xps = make_strategies_namespace(xp, api_version="2024.12")

DTYPES = xps.real_dtypes() | st.just(xp.bool)
MANY = settings(
    max_examples=150, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck)
)


@MANY
@given(xps.arrays(DTYPES, xps.array_shapes(min_dims=0, min_side=0)), st.data())
def test_reading(x, data):
    key = data.draw(xps.indices(x.shape, allow_newaxis=True, allow_ellipsis=True))
    expected = np.asarray(x)[key]
    np.testing.assert_array_equal(np.asarray(x[key]), expected)
    assert tuple(x[key].shape) == expected.shape


@MANY
@given(xps.arrays(DTYPES, xps.array_shapes(min_dims=0)), st.data())
def test_writing(x, data):
    key = data.draw(xps.indices(x.shape, allow_ellipsis=True))
    value = data.draw(xps.from_dtype(x.dtype))
    expected = np.array(np.asarray(x))
    expected[key] = value
    x[key] = value
    np.testing.assert_array_equal(np.asarray(x), expected)


@MANY
@given(xps.arrays(DTYPES, xps.array_shapes(min_dims=0)), st.data())
def test_masks(x, data):
    mask = data.draw(xps.arrays(xp.bool, x.shape))
    value = data.draw(xps.from_dtype(x.dtype))
    array, places = np.array(np.asarray(x)), np.asarray(mask)
    np.testing.assert_array_equal(np.asarray(x[mask]), array[places])
    array[places] = value
    x[mask] = value
    np.testing.assert_array_equal(np.asarray(x), array)
