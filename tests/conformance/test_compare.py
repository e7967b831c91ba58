"""`gradatim compare` beside scikit-learn itself, and its pictures."""

import json

import numpy as np
import pytest

from gradatim.compare import compare, learning_curve
from gradatim.train.recipe import Recipe

pytest.importorskip("sklearn")


@pytest.fixture
def iris(tmp_path):
    from sklearn.datasets import load_iris

    load_iris(as_frame=True).frame.to_csv(tmp_path / "iris.csv", index=False)
    return str(tmp_path / "iris.csv")


def test_classic_algorithms_see_the_rows_that_scikit_learn_splits(iris):
    from sklearn.datasets import load_iris
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import train_test_split
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    data = load_iris()
    x, xt, y, yt = train_test_split(data.data, data.target, test_size=0.2, random_state=3)
    model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=200)).fit(x, y)
    found = compare(Recipe(data=iris, target="target", seed=3), ["logistic-regression"])
    (entry,) = [one for one in found.entries if one.kind == "classic"]
    assert found.test_rows == len(yt) and entry.rows == len(y)
    # The scaler saw the rows without those that choose a network's epoch: one answer may differ.
    assert abs(entry.accuracy - model.score(xt, yt)) <= 1 / len(yt) + 1e-9


def test_errors_of_numbers_are_in_their_own_units(tmp_path):
    from sklearn.datasets import load_diabetes
    from sklearn.dummy import DummyRegressor
    from sklearn.metrics import mean_absolute_error
    from sklearn.model_selection import train_test_split

    load_diabetes(as_frame=True).frame.to_csv(tmp_path / "d.csv", index=False)
    data = load_diabetes()
    x, xt, y, yt = train_test_split(data.data, data.target, test_size=0.2, random_state=0)
    found = compare(Recipe(data=str(tmp_path / "d.csv"), target="target"), ["svm"])
    guess, svm = found.entries
    expected = mean_absolute_error(yt, DummyRegressor().fit(x, y).predict(xt))
    assert np.isclose(guess.errors[0], expected, rtol=1e-5)
    assert svm.errors[0] < guess.errors[0] and svm.r2 > 0


def test_a_learning_curve_has_an_entry_for_each_method_and_size(iris):
    found = learning_curve(Recipe(data=iris, target="target"), ["tree", "neighbours"], [30, 60])
    assert [(one.name, one.rows) for one in found.entries] == [
        (name, rows) for rows in (30, 60, 120) for name in ("guess", "tree", "neighbours")
    ]
    assert all(one.accuracy > 0.8 for one in found.entries if one.kind == "classic")


def test_the_command_writes_numbers_and_pictures(iris, tmp_path, monkeypatch, capsys):
    from gradatim.cli import main

    monkeypatch.chdir(tmp_path)
    command = ["compare", iris, "--target", "target", "--methods", "tree,feed-forward"]
    assert main([*command, "--epochs", "5", "--output", "found"]) == 0
    said = capsys.readouterr().out
    assert "decision tree" in said and "feed forward" in said and "5 epochs" in said
    written = json.loads((tmp_path / "found" / "comparison.json").read_text())
    assert {one["name"] for one in written["entries"]} == {"guess", "tree", "feed_forward"}
    for name in ("scores.png", "embedding.png"):
        assert (tmp_path / "found" / name).stat().st_size > 5000
    assert main([*command, "--output", "found"]) == 2
    assert "--output found is not empty" in capsys.readouterr().err


def test_support_vectors_take_so_many_rows_at_most(monkeypatch):
    import dataclasses

    from gradatim.compare import classic

    monkeypatch.setitem(
        classic.CLASSIC, "svm", dataclasses.replace(classic.CLASSIC["svm"], most_rows=20)
    )
    x = np.random.default_rng(0).normal(size=(100, 2)).astype(np.float32)
    y = (x[:, 0] > 0).astype(np.int64)
    answers, _, _, notes = classic.train_classic("svm", (x, y), x, True, 0, 1)
    assert notes == ["on 20 of the rows"] and (answers == y).mean() > 0.8
