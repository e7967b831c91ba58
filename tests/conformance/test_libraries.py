"""Other libraries take tensors where they take PyTorch's, and give the same."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap

import numpy as np
import pytest

pytest.importorskip("torch")
VALUES = [[1.0, 2.0, 0.5], [3.0, 5.0, -1.0]]


def both(peers, run):
    """What a function gives for the same tensor of either library, as arrays."""
    results = []
    for t in (peers.gd, peers.torch):
        found = run(t.tensor(VALUES, dtype=t.float64))
        results.append(found)
    np.testing.assert_allclose(np.asarray(results[0]), np.asarray(results[1]), rtol=1e-12)
    return results[0]


# --- NumPy ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("call", [
    np.asarray, np.array, lambda x: np.add(x, 1), np.sin, lambda x: np.concatenate([x, x]),
    lambda x: np.stack([x, x]), np.linalg.norm, lambda x: np.asarray(x, np.float32),
    lambda x: np.allclose(x, x), lambda x: np.ones((2, 3)) * np.asarray(x), np.isnan, len, list,
    lambda x: np.dot(np.ones(2), x), lambda x: np.full(3, x[0, 1]), np.shape, np.ravel,
])  # fmt: skip
def test_numpy(peers, call):
    both(peers, call)


def test_numpy_functions_give_tensors(peers):
    for t in (peers.gd, peers.torch):
        assert isinstance(np.add(t.ones(2), 1), t.Tensor)
        assert np.isnan(t.ones(2)).dtype is t.uint8


# --- pandas, Matplotlib, tqdm --------------------------------------------------------------------


def test_pandas(peers):
    pandas = pytest.importorskip("pandas")
    both(peers, lambda x: pandas.DataFrame(x).to_numpy())
    both(peers, lambda x: pandas.Series(x[0]).to_numpy())
    both(peers, lambda x: pandas.DataFrame({"a": x[0], "b": x[1]}).to_numpy())
    frame = pandas.DataFrame(peers.gd.tensor(VALUES), columns=list("abc"))
    assert [str(dtype) for dtype in frame.dtypes] == ["float32"] * 3


def test_matplotlib(peers):
    matplotlib = pytest.importorskip("matplotlib")
    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    def run(x):
        figure, axes = plt.subplots()
        (line,) = axes.plot(x[0], x[1])
        axes.scatter(x[0], x[1])
        axes.hist(x[0])
        axes.bar(x[0], x[1])
        axes.fill_between(x[0], x[0], x[1])
        shown = axes.imshow(x).get_array()
        plt.close(figure)
        return np.concatenate([line.get_ydata(), np.ravel(shown)])

    both(peers, run)


def test_tqdm(peers):
    tqdm = pytest.importorskip("tqdm")
    both(peers, lambda x: [float(row.sum()) for row in tqdm.tqdm(x, disable=True)])
    assert len(tqdm.tqdm(peers.gd.tensor(VALUES), disable=True)) == 2


# --- einops --------------------------------------------------------------------------------------

EINOPS = {
    "rearrange": lambda e, x: e.rearrange(x, "a (b c) -> c (a b)", c=3),
    "repeat": lambda e, x: e.repeat(x, "a b -> a n b", n=2),
    "sum": lambda e, x: e.reduce(x, "a b -> b", "sum"),
    "max": lambda e, x: e.reduce(x, "a b -> a 1", "max"),
    "mean": lambda e, x: e.reduce(x, "(a n) b -> a b", "mean", n=2),
    "prod": lambda e, x: e.reduce(x, "a b ->", "prod"),
    "einsum": lambda e, x: e.einsum(x, x, "a b, c b -> a c"),
    "pack": lambda e, x: e.pack([x, x[0]], "* b")[0],
    "list": lambda e, x: e.rearrange([x, x], "n a b -> a (n b)"),
}


@pytest.mark.parametrize("name", EINOPS)
def test_einops(peers, name):
    einops = pytest.importorskip("einops")
    found = both(peers, lambda x: EINOPS[name](einops, x))
    assert isinstance(found, peers.gd.Tensor)


def test_gradients_flow_through_einops(peers):
    einops = pytest.importorskip("einops")

    def run(x):
        x.requires_grad_()
        (einops.reduce(x, "a b -> a", "max") ** 2).sum().backward()
        return x.grad

    both(peers, run)


def test_einops_finds_tensors_whichever_is_imported_first():
    pytest.importorskip("einops")
    for first, second in (("einops", "gradatim"), ("gradatim", "einops")):
        program = f"""
            import {first}, {second}
            import sys
            assert "torch" not in sys.modules
            print(einops.rearrange(gradatim.ones(2, 3), "a b -> (a b)").shape)
        """
        done = subprocess.run(
            [sys.executable, "-c", textwrap.dedent(program)], capture_output=True, text=True
        )
        assert done.stdout.strip() == "torch.Size([6])", done.stderr


def test_importing_gradatim_imports_none_of_them():
    program = (
        "import gradatim, sys; "
        "print({'einops', 'pandas', 'sklearn', 'scipy', 'torch', 'matplotlib'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stdout.strip() == "set()", done.stderr


# --- scikit-learn and SciPy ----------------------------------------------------------------------


def test_sklearn_takes_tensors_as_arrays(peers):
    pytest.importorskip("sklearn")
    from sklearn.linear_model import LinearRegression
    from sklearn.preprocessing import StandardScaler

    both(peers, lambda x: StandardScaler().fit_transform(x))
    both(peers, lambda x: LinearRegression().fit(x, x[:, 0]).predict(x))


def test_dispatch_of_sklearn_and_scipy():
    """With dispatch on, both compute in the tensor's own namespace and give tensors; it is off
    unless SciPy finds this variable when it is imported."""
    pytest.importorskip("sklearn")
    pytest.importorskip("array_api_compat")
    program = """
        import numpy as np
        import gradatim as gd, scipy.special, scipy.stats, sklearn
        from sklearn.decomposition import PCA
        from sklearn.linear_model import Ridge
        from sklearn.metrics import accuracy_score, mean_squared_error, r2_score
        from sklearn.preprocessing import MaxAbsScaler, MinMaxScaler, StandardScaler

        gd.manual_seed(0)
        x = gd.randn(20, 3, dtype=gd.float64)
        a = np.array(x)
        checks = [
            lambda x: MinMaxScaler().fit_transform(x), lambda x: StandardScaler().fit_transform(x),
            lambda x: MaxAbsScaler().fit_transform(x), lambda x: scipy.special.expit(x),
            lambda x: scipy.special.logsumexp(x, axis=1), lambda x: scipy.stats.zscore(x),
            lambda x: scipy.stats.pearsonr(x[:, 0], x[:, 1]).statistic,
            lambda x: Ridge(solver="svd").fit(x, x[:, 0]).coef_,
            lambda x: abs(PCA(2, svd_solver="full").fit_transform(x)),
        ]
        with sklearn.config_context(array_api_dispatch=True):
            for check in checks:
                found = check(x)
                assert isinstance(found, gd.Tensor), type(found)
                np.testing.assert_allclose(np.asarray(found), check(a), rtol=1e-8, atol=1e-10)
            np.testing.assert_allclose(r2_score(x[:, 0], x[:, 1]), r2_score(a[:, 0], a[:, 1]))
            np.testing.assert_allclose(mean_squared_error(x, x + 1), 1)
            assert accuracy_score(gd.tensor([0, 1, 1, 1]), gd.tensor([0, 1, 0, 0])) == 0.5
        print("same")
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program)], capture_output=True, text=True,
        env={**os.environ, "SCIPY_ARRAY_API": "1"},
    )  # fmt: skip
    assert done.stdout.strip() == "same", done.stderr[-2000:]
