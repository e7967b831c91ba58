"""Jobs: the deck's classifier begins as under PyTorch, and tables get what suits them."""

import numpy as np
import pytest

import gradatim as gd
from gradatim.train import job as jobs
from gradatim.train.job import Job
from gradatim.train.problem import load_problem, mnist_problem, pixel_preprocessing
from gradatim.train.recipe import Recipe
from gradatim.train.run import Run

# What PyTorch 2.13 gives for the first five batches of the deck's program (manual_seed(0)).
FIRST_LOSSES = [0.1081306413, 0.0982567519, 0.0933015123, 0.0904264674, 0.0890565887]


def quick(job, folder, **options):
    return job.fit(job.create_run(folder), progress=False, **options)


@pytest.fixture
def flowers(tmp_path):
    """A table of 150 rows that a straight line separates."""
    generator = np.random.default_rng(0)
    x = generator.normal(size=(150, 3))
    kind = np.where(x[:, 0] + x[:, 1] > 0, "rose", "lily")
    rows = [f"{a:.4f},{b:.4f},{c:.4f},{k}" for (a, b, c), k in zip(x, kind)]
    path = tmp_path / "flowers.csv"
    path.write_text("length,width,height,kind\n" + "\n".join(rows) + "\n")
    return path


def test_the_main_job_takes_the_steps_that_pytorch_takes(tmp_path, monkeypatch):
    """5,000 of the 60,000 digits, which is the beginning of the deck's first epoch."""

    def few_digits(recipe):
        problem = mnist_problem(recipe)
        problem.train = tuple(array[:5000] for array in problem.train)
        return problem

    monkeypatch.setattr(jobs, "load_problem", few_digits)
    results = quick(Job.new(Recipe(epochs=1)), tmp_path / "run")
    record = results.history.last
    # Other orders of summation give other last digits; five steps stay within 1e-4.
    assert record["loss_sum"] == pytest.approx(sum(FIRST_LOSSES), rel=1e-4)
    assert record["loss"] == pytest.approx(sum(FIRST_LOSSES) / 5, rel=1e-4)
    assert record["accuracy"] == pytest.approx(0.3338, abs=0.002)


def test_the_main_job_is_the_decks():
    recipe = Recipe()
    recipe.complete(mnist_problem(recipe).defaults)
    assert (recipe.hidden, recipe.activation) == ([1000, 500, 100], "relu")
    assert (recipe.optimizer, recipe.learning_rate, recipe.loss) == ("sgd", 1.0, "mse")
    assert (recipe.batch_size, recipe.shuffle, recipe.seed) == (1000, False, 0)
    assert load_problem(Recipe(data="mnist")).defaults == mnist_problem(Recipe()).defaults


def test_dropout_is_in_the_network_of_a_table_too(flowers):
    job = Job.new(Recipe(data=str(flowers), target="kind", hidden=[8], dropout=0.25))
    assert [type(layer).__name__ for layer in job.model.network] == [
        "Linear", "ReLU", "Dropout", "Linear",
    ]  # fmt: skip


def test_mnist_pixels_are_divided_by_255():
    problem = mnist_problem(Recipe())
    inputs, labels = problem.train
    assert inputs.shape == (60000, 784) and inputs.dtype == np.float32
    assert inputs.min() == 0 and inputs.max() == 1
    assert labels[:5].tolist() == [5, 0, 4, 1, 9]
    inputs, targets = problem.tensors((inputs[:2], labels[:2]), "mse")
    assert targets.tolist() == [[0, 0, 0, 0, 0, 1, 0, 0, 0, 0], [1, 0, 0, 0, 0, 0, 0, 0, 0, 0]]
    assert problem.tensors(problem.test or problem.validation, "cross_entropy")[1].dtype == gd.int64


def test_a_model_of_pictures_reads_them_in_every_form():
    preprocessing = pixel_preprocessing(2, 2, [0, 1])
    polars = pytest.importorskip("polars")
    table = polars.DataFrame({"pixel0": [0], "pixel1": [51], "pixel2": [102], "pixel3": [255]})
    from_table = preprocessing.transform_features(table)
    model = gd.train.Predictor(gd.nn.Linear(4, 2), preprocessing, "one_hot")
    pictures = np.array([[[0, 51], [102, 255]]], np.uint8)
    assert from_table.tolist() == model.inputs(pictures).tolist()
    assert model.inputs(pictures[0]).shape == (1, 4)
    assert model.inputs(gd.ones(3, 4)).shape == (3, 4)


def test_a_table_is_split_in_three_and_the_best_epoch_is_tested_once(flowers, tmp_path):
    job = Job.new(Recipe(data=str(flowers), target="kind", epochs=60, test_size=0.2))
    problem = job.problem
    sizes = [len(part[0]) for part in (problem.train, problem.validation, problem.test)]
    assert sizes == [96, 24, 30]
    assert problem.classes == ["lily", "rose"]
    results = quick(job, tmp_path / "run")
    assert results.values["accuracy"] == np.mean(results.targets == results.answers)
    assert results.values["accuracy"] >= 0.9
    assert results.history.monitor == "validation_loss"


def test_the_split_is_scikit_learns(flowers):
    """Of RandomState(seed).permutation, the first rows are for the test."""
    problem = load_problem(Recipe(data=str(flowers), target="kind", seed=5, test_size=0.2))
    raw = np.loadtxt(flowers, delimiter=",", skiprows=1, usecols=0)
    expected = raw[np.random.RandomState(5).permutation(150)[:30]]
    column = problem.preprocessing._columns[0]
    lengths = problem.test[0][:, 0] * column.scale + column.center
    np.testing.assert_allclose(lengths, expected, atol=1e-5)


def test_few_rows_are_not_split_further(tmp_path):
    path = tmp_path / "few.csv"
    path.write_text("x,y\n" + "".join(f"{i},{'ab'[i % 2]}\n" for i in range(20)))
    job = Job.new(Recipe(data=str(path), target="y", epochs=2, test_size=0))
    assert job.problem.validation is None and job.problem.test is None
    results = quick(job, tmp_path / "run")
    assert results.history.monitor == "loss"


def test_several_numbers_are_learned_and_told_in_their_own_units(tmp_path):
    generator = np.random.default_rng(1)
    x = generator.normal(size=(300, 2))
    path = tmp_path / "places.csv"
    rows = [f"{a:.5f},{b:.5f},{-7000 + 50 * a:.4f},{9 + 0.1 * b:.5f}" for a, b in x]
    path.write_text("u,v,east,north\n" + "\n".join(rows) + "\n")
    job = Job.new(Recipe(data=str(path), target="east,north", epochs=100))
    assert job.problem.scale == pytest.approx([50, 0.1], rel=0.2)
    results = quick(job, tmp_path / "run")
    errors = np.abs(results.targets - results.answers)
    assert results.values["mae"] == pytest.approx(errors.mean(), rel=1e-4)
    assert errors[:, 0].mean() < 5 and errors[:, 1].mean() < 0.01


def test_the_run_predicts_what_training_measured(flowers, tmp_path):
    polars = pytest.importorskip("polars")
    """Both speak of the best epoch's model, which is not the last one's here."""
    recipe = Recipe(data=str(flowers), target="kind", learning_rate=0.1, patience=5)
    results = quick(Job.new(recipe), tmp_path / "run")
    assert results.history.best_epoch < len(results.history)
    model = gd.load(tmp_path / "run")
    table = polars.read_csv(flowers)
    test = np.random.RandomState(0).permutation(150)[:30]
    answers = model.predict(table[test])
    assert set(answers) <= {"rose", "lily"}
    expected = [["lily", "rose"][k] for k in results.answers]
    assert answers.tolist() == expected
    probabilities = model.predict_proba(table[test])
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, rtol=1e-5)
    loss = -np.log(probabilities[np.arange(30), results.targets]).mean()
    assert results.values["loss"] == pytest.approx(loss, rel=1e-4)


def test_a_job_continues_only_on_the_same_data(flowers, tmp_path):
    quick(Job.new(Recipe(data=str(flowers), target="kind", epochs=1)), tmp_path / "run")
    run = Run.open(tmp_path / "run")
    flowers.write_text(flowers.read_text() + "1,1,1,rose\n")
    with pytest.raises(
        gd.DataError, match=r"is not what the run .* was trained on: it has changed"
    ):
        Job.of_run(run, {"epochs": 2})
    flowers.unlink()
    with pytest.raises(gd.DataError, match="which is not there any more: say where it is"):
        Job.of_run(run, {"epochs": 2})


def test_more_epochs_and_another_learning_rate(flowers, tmp_path):
    recipe = Recipe(data=str(flowers), target="kind", epochs=2, patience=0)
    quick(Job.new(recipe), tmp_path / "run")
    run = Run.open(tmp_path / "run")
    job = Job.of_run(run, {"epochs": 4, "learning_rate": 0.5})
    results = job.fit(run, resume=True, progress=False)
    assert results.history["learning_rate"] == [0.001, 0.001, 0.5, 0.5]
    assert Run.open(tmp_path / "run").config["recipe"]["epochs"] == 4


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"batch_size": 0}, "batch size is 0"),
        ({"epochs": -3}, "epochs is -3"),
        ({"learning_rate": -0.1}, "learning rate is -0.1: it has to be above 0"),
        ({"learning_rate": float("nan")}, "learning rate is nan"),
        ({"weight_decay": -1}, "weight decay is -1"),
        ({"momentum": 1.5}, "momentum is 1.5"),
        ({"momentum": 0.9, "optimizer": "adam"}, "momentum is for the optimizer sgd, not for adam"),
        ({"test_size": 1.5}, "test size is 1.5"),
        ({"target": "label"}, "are for tables: name the file"),
        ({"seed": -1}, "seed is -1"),
    ],
)
def test_values_that_make_no_sense(settings, message):
    with pytest.raises(gd.ArgumentError, match=message):
        Job.new(Recipe(**settings))


def test_a_loss_that_does_not_fit(flowers):
    with pytest.raises(gd.ArgumentError, match="loss l1 does not fit classification of kind"):
        Job.new(Recipe(data=str(flowers), target="kind", loss="l1"))
