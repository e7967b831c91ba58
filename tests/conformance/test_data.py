"""Data against PyTorch (order, draws, batches, errors) and scikit-learn (splits, preprocessing)."""

from __future__ import annotations

import itertools
from collections import namedtuple

import numpy as np
import pytest
import sklearn.datasets
import torch
import torch.utils.data as torch_data
from sklearn.compose import make_column_transformer
from sklearn.impute import SimpleImputer
from sklearn.model_selection import train_test_split as sklearn_split
from sklearn.preprocessing import OneHotEncoder, StandardScaler

import gradatim as gd
from gradatim import data as gd_data
from gradatim.data import TablePreprocessor, read_table, train_test_split

PEERS = ((gd, gd_data), (torch, torch_data))


def in_both(script):
    """What `script(library, its data module)` gives under Gradatim and under PyTorch, from seed 1,
    each with the next numbers of the default stream: these are equal if as much was drawn."""
    results = []
    for library, data in PEERS:
        library.manual_seed(1)
        result = script(library, data)
        results.append((plain(result), library.rand(3).tolist()))
    return results


def plain(value):
    """Tensors as (values, dtype), inside any structure."""
    if isinstance(value, gd.Tensor | torch.Tensor):
        return value.tolist(), str(value.dtype)
    if isinstance(value, dict):
        return {key: plain(v) for key, v in value.items()}
    if isinstance(value, list | tuple):
        return type(value).__name__, [plain(v) for v in value]
    return value


def epochs(loader, count=2):
    return [list(loader) for _ in range(count)]


# --- order and draws ------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [1, 7, 33])
@pytest.mark.parametrize("batch_size", [1, 3, 7, 100])
@pytest.mark.parametrize("drop_last", [False, True])
@pytest.mark.parametrize("shuffle", [False, True])
def test_loader_order(size, batch_size, drop_last, shuffle):
    ours, theirs = in_both(
        lambda library, data: epochs(
            data.DataLoader(
                range(size), batch_size=batch_size, drop_last=drop_last, shuffle=shuffle
            )
        )
    )
    assert ours == theirs


@pytest.mark.parametrize("batch_size", [1, 3, 4, 12])
@pytest.mark.parametrize("drop_last", [False, True])
@pytest.mark.parametrize("shuffle", [False, True])
def test_loader_with_its_own_generator(batch_size, drop_last, shuffle):
    def script(library, data):
        generator = library.Generator().manual_seed(5)
        loader = data.DataLoader(
            range(12), batch_size, shuffle, drop_last=drop_last, generator=generator
        )
        return epochs(loader), library.rand(2, generator=generator)

    ours, theirs = in_both(script)
    assert ours == theirs


@pytest.mark.parametrize("own_generator", [False, True])
@pytest.mark.parametrize("replacement", [False, True])
@pytest.mark.parametrize("num_samples", [None, 1, 10, 31, 32, 33, 100])
def test_random_sampler(num_samples, replacement, own_generator):
    def script(library, data):
        generator = library.Generator().manual_seed(5) if own_generator else None
        sampler = data.RandomSampler(range(10), replacement, num_samples, generator)
        orders = [list(sampler), list(itertools.islice(sampler, 5)), list(sampler)]
        return orders, library.rand(2, generator=generator)

    ours, theirs = in_both(script)
    assert ours == theirs


@pytest.mark.parametrize("replacement", [False, True])
@pytest.mark.parametrize("num_samples", [1, 3, 5])
def test_weighted_random_sampler(num_samples, replacement):
    ours, theirs = in_both(
        lambda library, data: [
            list(data.WeightedRandomSampler([0.1, 0.9, 0.4, 3.0, 0.6], num_samples, replacement))
            for _ in range(4)
        ]
    )
    assert ours == theirs


def test_subset_random_sampler():
    ours, theirs = in_both(
        lambda library, data: [list(data.SubsetRandomSampler([3, 1, 4, 1, 5])) for _ in range(3)]
    )
    assert ours == theirs


@pytest.mark.parametrize("lengths", [[7, 3], [10], [0.5, 0.5], [0.33, 0.33, 0.34], [0.25, 0.7]])
@pytest.mark.parametrize("own_generator", [False, True])
def test_random_split(lengths, own_generator):
    def script(library, data):
        options = {"generator": library.Generator().manual_seed(2)} if own_generator else {}
        return [list(part.indices) for part in data.random_split(range(10), lengths, **options)]

    if sum(lengths) == 0.95:
        for library, data in PEERS:
            with pytest.raises(ValueError, match="Sum of input lengths does not equal"):
                script(library, data)
        return
    ours, theirs = in_both(script)
    assert ours == theirs


def test_transforms_that_draw_and_a_shuffled_loader_take_turns():
    def script(library, data):
        class Noisy(data.Dataset):
            def __len__(self):
                return 7

            def __getitem__(self, index):
                return index, library.rand(2) + index

        return epochs(data.DataLoader(Noisy(), batch_size=3, shuffle=True))

    ours, theirs = in_both(script)
    assert ours == theirs


@pytest.mark.parametrize("workers", [1, 2])
def test_workers_draw_what_pytorch_s_workers_draw(workers):
    def script(library, data):
        class Noisy(data.Dataset):
            def __len__(self):
                return 9

            def __getitem__(self, index):
                return index, library.rand(2)

        loader = data.DataLoader(Noisy(), batch_size=2, shuffle=True, num_workers=workers)
        return epochs(loader)

    ours, theirs = in_both(script)
    assert ours == theirs


@pytest.mark.parametrize("shuffle", [False, True])
def test_tensor_dataset(shuffle):
    def script(library, data):
        x = library.arange(20.0).reshape(10, 2)
        y = library.tensor([i % 3 for i in range(10)])
        whole = data.TensorDataset(x, y)
        train, test = data.random_split(whole, [0.7, 0.3])
        joined = data.ConcatDataset([test, train])
        return [
            epochs(data.DataLoader(d, batch_size=4, shuffle=shuffle))
            for d in (whole, train, joined)
        ]

    ours, theirs = in_both(script)
    assert ours == theirs


# --- batches --------------------------------------------------------------------------------------

Point = namedtuple("Point", "x y")


@pytest.mark.parametrize(
    "samples",
    [
        [1, 2],
        [1.5, 2.5],
        [True, False],
        ["a", "b"],
        [b"a", b"b"],
        [np.float32(1), np.float32(2)],
        [np.int16(1), np.int16(2)],
        [np.bool_(True), np.bool_(False)],
        [np.ones((2, 3)), np.zeros((2, 3))],
        [np.array(1), np.array(2)],
        [(1, 2.5), (3, 4.5)],
        [[1, "a"], [2, "b"]],
        [{"a": 1, "b": (2, [3.0])}, {"a": 4, "b": (5, [6.0])}],
        [Point(1, np.ones(2)), Point(2, np.ones(2))],
        [(), ()],
    ],
    ids=str,
)
@pytest.mark.parametrize("function", ["default_collate", "default_convert"])
def test_collating_and_converting(samples, function):
    ours, theirs = in_both(lambda library, data: getattr(data, function)(samples))
    assert ours == theirs


@pytest.mark.parametrize(
    ("first", "second"),
    list(itertools.combinations(["float32", "float64", "int64", "uint8", "bool", "bfloat16"], 2)),
)
def test_stacking_promotes_dtypes(first, second):
    ours, theirs = in_both(
        lambda library, data: data.default_collate(
            [
                library.ones(2, dtype=getattr(library, first)),
                library.ones(2, dtype=getattr(library, second)),
            ]
        )
    )
    assert ours == theirs


# --- errors ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "script",
    [
        lambda data: data.DataLoader(range(3), batch_size=0),
        lambda data: data.DataLoader(range(3), batch_size=-1),
        lambda data: data.DataLoader(range(3), batch_size=1.5),
        lambda data: data.DataLoader(range(3), shuffle=True, sampler=[0]),
        lambda data: data.DataLoader(range(3), batch_size=2, batch_sampler=[[0]]),
        lambda data: data.DataLoader(range(3), batch_size=None, drop_last=True),
        lambda data: data.DataLoader(range(3), num_workers=-1),
        lambda data: data.DataLoader(range(3), prefetch_factor=2),
        lambda data: data.DataLoader(range(3), timeout=-1),
        lambda data: data.DataLoader([], shuffle=True),
        lambda data: data.RandomSampler(range(3), num_samples=0),
        lambda data: data.RandomSampler(range(3), replacement="yes"),
        lambda data: data.WeightedRandomSampler([1.0], 0),
        lambda data: list(data.WeightedRandomSampler([1.0], 2, replacement=False)),
        lambda data: data.BatchSampler(range(3), 0, False),
        lambda data: data.random_split(range(3), [1, 1]),
        lambda data: data.ConcatDataset([range(3)])[-4],
        lambda data: data.default_collate([None]),
        lambda data: data.default_collate([(1,), (1, 2)]),
        lambda data: data.default_collate([np.ones(2), np.ones(3)]),
        lambda data: setattr(data.DataLoader(range(3)), "batch_size", 2),
    ],
)
def test_mistakes_raise_the_same_builtin_error(script):
    with pytest.raises(Exception) as theirs:
        script(torch_data)
    with pytest.raises(theirs.type) as ours:
        script(gd_data)
    assert isinstance(ours.value, gd.Error)
    assert "\n" not in str(ours.value)


# --- splits ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("n", [2, 3, 10, 151, 42_000])
@pytest.mark.parametrize("test_size", [0.33, 0.2, 0.5, 1])
@pytest.mark.parametrize("seed", [0, 42])
def test_the_split_is_scikit_learn_s(n, test_size, seed):
    train, test = train_test_split(n, test_size, seed)
    theirs = sklearn_split(np.arange(n), test_size=test_size, random_state=seed)
    np.testing.assert_array_equal(train, theirs[0])
    np.testing.assert_array_equal(test, theirs[1])


# --- tables ---------------------------------------------------------------------------------------


def csv_of(tmp_path, name: str):
    """One of scikit-learn's tables as a CSV file, and as a pandas frame."""
    table = getattr(sklearn.datasets, f"load_{name}")(as_frame=True).frame
    table.to_csv(tmp_path / f"{name}.csv", index=False)
    return tmp_path / f"{name}.csv", table


@pytest.mark.parametrize(
    ("name", "task"),
    [("iris", "classification"), ("breast_cancer", "classification"), ("wine", "classification"),
     ("diabetes", "regression")],
)  # fmt: skip
def test_numbers_are_standardized_as_by_scikit_learn(tmp_path, name, task):
    path, table = csv_of(tmp_path, name)
    frame = read_table(path)
    train, _ = train_test_split(frame.height, 0.33, seed=0)
    preprocessor = TablePreprocessor().fit(frame, "target", rows=train)
    assert preprocessor.task == task
    inputs, targets = preprocessor.transform(frame)

    features = table.drop(columns="target").to_numpy()
    theirs = StandardScaler().fit(features[train]).transform(features)
    # Both compute in float64; ours are then float32, with 24 bits.
    np.testing.assert_allclose(inputs, theirs, rtol=1e-6, atol=1e-6)
    if task == "classification":
        np.testing.assert_array_equal(targets, table["target"])
    np.testing.assert_allclose(
        np.ravel(preprocessor.inverse_target(targets)), table["target"], rtol=1e-6
    )


def test_missing_values_and_text_as_by_scikit_learn(tmp_path):
    path, table = csv_of(tmp_path, "diabetes")
    random = np.random.RandomState(0)
    table["region"] = random.choice(["north", "south", "west"], len(table))
    for column in ("age", "bmi", "s5"):
        table.loc[random.rand(len(table)) < 0.1, column] = np.nan
    table.to_csv(path, index=False)
    frame = read_table(path)
    preprocessor = TablePreprocessor().fit(frame, "target")
    inputs, _ = preprocessor.transform(frame)

    # scikit-learn takes mean and deviation after imputing; ours are of the known values.
    numbers = table.drop(columns=["target", "region"])
    filled = SimpleImputer(strategy="median").fit_transform(numbers)
    theirs = (filled - np.nanmean(numbers, axis=0)) / np.nanstd(numbers, axis=0)
    np.testing.assert_allclose(inputs[:, :10], theirs, rtol=1e-5, atol=1e-6)
    onehot = OneHotEncoder(sparse_output=False).fit(table[["region"]])
    np.testing.assert_array_equal(inputs[:, 10:], onehot.transform(table[["region"]]))
    assert preprocessor.input_names[10:] == ["region=north", "region=south", "region=west"]
    imputed = [note for note in preprocessor.notes if "replaced by the median" in note]
    assert [note.split("'")[1] for note in imputed] == ["age", "bmi", "s5"]


def test_text_and_numbers_in_any_order(tmp_path):
    path, table = csv_of(tmp_path, "iris")
    table.insert(1, "kind", np.resize(["b", "a", "c"], len(table)))
    table.to_csv(path, index=False)
    frame = read_table(path)
    inputs, _ = TablePreprocessor().fit(frame, "target").transform(frame)
    theirs = make_column_transformer(
        (StandardScaler(), [0]),
        (OneHotEncoder(sparse_output=False), [1]),
        (StandardScaler(), [2, 3, 4]),
    ).fit_transform(table)
    np.testing.assert_allclose(inputs, theirs, rtol=1e-5, atol=1e-6)


def test_csv_of_pandas_with_its_index(tmp_path):
    _, table = csv_of(tmp_path, "iris")
    table.to_csv(tmp_path / "indexed.csv")
    assert read_table(tmp_path / "indexed.csv").equals(read_table(tmp_path / "iris.csv"))
