"""`gradatim train` on tables, beside scikit-learn's MLPs on the same rows.

Both with their defaults, on the same split, mean over three seeds: at most 2 points of accuracy, or
5 % of error, behind.
"""

import warnings

import numpy as np
import pytest

from gradatim.data import read_table, train_test_split
from gradatim.data.packed import packed_files
from gradatim.train.job import Job
from gradatim.train.recipe import Recipe

SEEDS = (0, 1, 2)


@pytest.fixture(scope="module")
def sklearn():
    pytest.importorskip("sklearn")
    import sklearn.datasets

    return sklearn


@pytest.fixture
def iris(sklearn, tmp_path):
    data = sklearn.datasets.load_iris()
    kind = np.array(data.target_names)[data.target]
    return write(tmp_path / "iris.csv", data.data, data.feature_names, kind, "species")


@pytest.fixture
def breast_cancer(sklearn, tmp_path):
    data = sklearn.datasets.load_breast_cancer()
    kind = np.array(data.target_names)[data.target]
    return write(tmp_path / "cancer.csv", data.data, data.feature_names, kind, "diagnosis")


@pytest.fixture
def wifi(tmp_path):
    """The fingerprints that the package brings along."""
    path = tmp_path / "wifi.csv"
    path.write_bytes(packed_files("uji-indoor-loc")["validation.csv"])
    return path


@pytest.fixture
def diabetes(sklearn, tmp_path):
    """With a text column in place of the numbers for sex, and one cell in twenty missing."""
    data = sklearn.datasets.load_diabetes(scaled=False)
    cells = data.data.astype(object)
    cells[:, 1] = np.where(data.data[:, 1] == 1, "female", "male")
    holes = np.random.default_rng(0).random(cells.shape) < 0.05
    holes[:, 1] = False
    cells[holes] = ""
    return write(tmp_path / "diabetes.csv", cells, data.feature_names, data.target, "progression")


def write(path, cells, names, target, target_name):
    rows = [",".join(map(str, [*row, label])) for row, label in zip(cells, target)]
    path.write_text(",".join([*map(str, names), target_name]) + "\n" + "\n".join(rows) + "\n")
    return path, target_name


def ours(path, target, seed, folder):
    """Test rows' true and predicted values."""
    job = Job.new(Recipe(data=str(path), target=target, seed=seed))
    results = job.fit(job.create_run(folder), progress=False)
    if job.problem.classes:
        names = np.array(job.problem.classes)
        return names[results.targets], names[results.answers]
    return results.targets, results.answers


def theirs(path, target, seed, regression):
    """The same with scikit-learn: its own imputing, scaling, one-hot encoding and network."""
    from sklearn.compose import TransformedTargetRegressor, make_column_transformer
    from sklearn.impute import SimpleImputer
    from sklearn.neural_network import MLPClassifier, MLPRegressor
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    frame = read_table(path)
    targets = target.split(",")
    features = frame.drop(targets)
    text = [k for k, dtype in enumerate(features.dtypes) if not dtype.is_numeric()]
    numbers = [k for k in range(features.width) if k not in text]
    columns = [features[:, k].to_numpy().astype(object) for k in range(features.width)]
    inputs = np.stack(columns, axis=1)
    outputs = frame[targets].to_numpy()
    train, test = train_test_split(len(frame), 0.2, seed)
    prepare = make_column_transformer(
        (make_pipeline(SimpleImputer(strategy="median"), StandardScaler()), numbers),
        (OneHotEncoder(), text),
    )
    network = (MLPRegressor if regression else MLPClassifier)(random_state=seed)
    model = make_pipeline(prepare, network)
    if regression:
        model = TransformedTargetRegressor(model, transformer=StandardScaler())
    else:
        outputs = outputs[:, 0]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model.fit(inputs[train], outputs[train])
    return outputs[test], model.predict(inputs[test]).reshape(outputs[test].shape)


def compare(path, target, tmp_path, regression):
    pairs = []
    for seed in SEEDS:
        our_true, our_answers = ours(path, target, seed, tmp_path / f"run-{seed}")
        true, answers = theirs(path, target, seed, regression)
        assert (our_true == true).all() if not regression else np.allclose(our_true, true, 1e-5)
        if regression:
            pairs.append([np.abs(our_answers - true).mean(), np.abs(answers - true).mean()])
        else:
            pairs.append([(our_answers == true).mean(), (answers == true).mean()])
    print(path, np.round(pairs, 4).tolist())
    return np.mean(pairs, axis=0)


@pytest.mark.parametrize("name", ["iris", "breast_cancer"])
def test_classification(name, request, tmp_path):
    accuracy, peer = compare(*request.getfixturevalue(name), tmp_path, regression=False)
    assert accuracy >= peer - 0.02


def test_regression_with_text_and_missing_cells(diabetes, tmp_path):
    error, peer = compare(*diabetes, tmp_path, regression=True)
    assert error <= 1.05 * peer


def test_the_floor_from_wifi(sklearn, wifi, tmp_path):
    accuracy, peer = compare(wifi, "FLOOR", tmp_path, regression=False)
    assert accuracy >= peer - 0.02


def test_the_position_from_wifi(sklearn, wifi, tmp_path):
    error, peer = compare(wifi, "LONGITUDE,LATITUDE", tmp_path, regression=True)
    assert error <= 1.05 * peer
