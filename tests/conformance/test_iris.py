"""The bundled irises are scikit-learn's."""

import numpy as np
import pytest

from gradatim.data import Iris

datasets = pytest.importorskip("sklearn.datasets")


def test_every_row_is_scikit_learns():
    theirs, ours = datasets.load_iris(), Iris()
    np.testing.assert_allclose(ours.measurements, theirs.data, rtol=1e-6)  # float32 of one decimal
    np.testing.assert_array_equal(ours.targets, theirs.target)
