"""The network side of a comparison, and what does not need scikit-learn."""

import numpy as np
import pytest

from gradatim.compare import choose_methods
from gradatim.compare.classic import train_classic
from gradatim.compare.networks import load_typed, pool, with_rows
from gradatim.graph.errors import ArgumentError
from gradatim.train.recipe import Recipe


@pytest.fixture
def recipe(tmp_path):
    x = np.random.default_rng(0).normal(size=(150, 2))
    rows = [f"{a:.4f},{b:.4f},{'rose' if a + b > 0 else 'lily'}" for a, b in x]
    (tmp_path / "flowers.csv").write_text("length,width,kind\n" + "\n".join(rows) + "\n")
    return Recipe(data=str(tmp_path / "flowers.csv"), target="kind", model="feed_forward")


def test_fewer_rows_are_part_of_more_and_come_with_their_own_defaults(recipe):
    problem = load_typed(recipe, recipe.model)
    small, large = (with_rows(problem, recipe, rows) for rows in (20, 100))
    assert sum(len(part[0]) for part in (large.train, large.validation)) == 100
    assert small.validation is None  # of 20 rows none can be spared
    of_large = {tuple(row) for row in pool(large)[0].tolist()}
    assert {tuple(row) for row in pool(small)[0].tolist()} <= of_large
    assert small.test is problem.test
    assert small.defaults["batch_size"] == 32 and small.defaults["loss"] == "cross_entropy"


def test_types_of_networks_are_found_by_any_spelling():
    found = choose_methods(["Deep-Feed-Forward", "forest", "forest"], "table", True)
    assert found == ["deep_feed_forward", "forest"]


@pytest.mark.parametrize(("kind", "name"), [("table", "lstm"), ("image", "autoencoder")])
def test_methods_that_do_not_suit_the_data(kind, name):
    with pytest.raises(ArgumentError, match=f"there is no method '{name}' for this data"):
        choose_methods([name], kind, True)


def test_naive_bayes_has_no_regression():
    assert "naive_bayes" in choose_methods([], "table", True)
    assert "naive_bayes" not in choose_methods([], "table", False)


def test_one_class_is_answered_without_training():
    x = np.zeros((3, 2), np.float32)
    answers, _, _, notes = train_classic("svm", (x, np.array([1, 1, 1])), x, True, 0, 1)
    assert answers.tolist() == [1, 1, 1] and notes == ["saw one class only"]
