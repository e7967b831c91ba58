"""The bundled irises against the statistics that Fisher printed."""

import numpy as np
import pytest

from gradatim.data import Iris, iris
from gradatim.graph.errors import DataError


def test_the_means_are_those_of_fishers_table_two():
    flowers = Iris()
    means = flowers.measurements.astype(np.float64).reshape(3, 50, 4).mean(1)
    wanted = [[5.006, 3.428, 1.462, 0.246], [5.936, 2.770, 4.260, 1.326]]
    np.testing.assert_allclose(means[:2], wanted, atol=5e-7)
    assert flowers.features == ("sepal_length", "sepal_width", "petal_length", "petal_width")
    assert np.bincount(flowers.targets).tolist() == [50, 50, 50]


def test_a_damaged_table_says_what_to_do(monkeypatch, tmp_path):
    (tmp_path / "iris.csv").write_text("a,b\n1,2\n")
    monkeypatch.setattr(iris, "FILE", tmp_path / "iris.csv")
    with pytest.raises(DataError, match="install gradatim again"):
        Iris()
