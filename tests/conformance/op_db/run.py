"""Run operators of PyTorch's database through Gradatim and count what agrees.

    python -m tests.conformance.op_db.run linalg.solve cat        # these, with every failure
    python -m tests.conformance.op_db.run --jobs 2 --page docs/conformance.md

For each operator: its sample inputs in float32, float64, int64 and bool (values, dtypes, shapes),
the gradients of the float64 ones, its error inputs (the same class of error), and its method and
in-place forms.
"""

from __future__ import annotations

import argparse
import collections
import concurrent.futures
import contextlib
import fnmatch
import itertools
import signal
import sys
import warnings
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

PARTS = ("float32", "float64", "int64", "bool", "gradients", "errors", "methods", "in place")
SECONDS = 60  # for one sample


@dataclass
class Result:
    """What came of one operator.

    Attributes:
        passed, tried: how many, by part.
        failures: `(part, message)` of each failure.
        left_out: samples that need complex or sparse tensors.
        seconds: that one comparison may take; None where somebody else watches over it.
    """

    name: str
    passed: collections.Counter[str] = field(default_factory=collections.Counter)
    tried: collections.Counter[str] = field(default_factory=collections.Counter)
    failures: list[tuple[str, str]] = field(default_factory=list)
    left_out: int = 0
    seconds: int | None = None

    def attempt(self, part: str, run: Callable[[], None], describe: Callable[[], str]) -> None:
        """Count one comparison."""
        from tests.conformance.op_db.twins import NotTaken, OutOfScope

        try:
            with time_limit(self.seconds):
                run()
        except NotTaken:
            return
        except OutOfScope:
            self.left_out += 1
            return
        except Exception as error:
            text = f"{type(error).__name__}: {error}".split("\n")[0]
            self.failures.append((part, f"{describe()}: {text}"[:600]))
        else:
            self.passed[part] += 1
        self.tried[part] += 1

    @property
    def samples(self) -> tuple[int, int]:
        """Sample inputs that passed, of those tried: a sample in one dtype counts once."""
        kinds = PARTS[:4]
        return sum(self.passed[k] for k in kinds), sum(self.tried[k] for k in kinds)


def spread(items: Iterable[Any], most: int | None) -> list[Any]:
    """At most `most` of them, from the first to the last."""
    every = list(items)
    if most is None or len(every) <= most:
        return every
    return [every[k * (len(every) - 1) // (most - 1)] for k in range(most)]


def short(value: Any) -> str:
    """Arguments for a person: tensors as dtype and shape."""
    import torch

    if isinstance(value, torch.Tensor):
        return f"{str(value.dtype).removeprefix('torch.')}{list(value.shape)}"
    if isinstance(value, (tuple, list)):
        return f"({', '.join(map(short, value))})"
    if isinstance(value, dict):
        return f"({', '.join(f'{k}={short(v)}' for k, v in value.items())})"
    return repr(value)


@contextlib.contextmanager
def time_limit(seconds: int | None) -> Iterator[None]:
    """TimeoutError after so many seconds; the alarm of before is put back."""
    if seconds is None:
        yield
        return

    def late(signal_number: int, frame: Any) -> None:
        raise TimeoutError(f"no result after {seconds} s")

    before = signal.signal(signal.SIGALRM, late)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def run_operator(name: str, most: int | None = None, seconds: int | None = None) -> Result:
    """Run an operator.

    Args:
        most: sample inputs of each dtype, spread over all there are.
        seconds: see `Result`; under pytest, alarms are pytest-timeout's.
    """
    import torch

    from tests.conformance.op_db import compare
    from tests.conformance.op_db.scope import operators

    warnings.simplefilter("ignore")
    op = operators()[name]
    result = Result(name, seconds=seconds)
    for dtype_name in PARTS[:4]:
        dtype = getattr(torch, dtype_name)
        if dtype not in op.dtypes:
            continue
        graded = dtype_name == "float64" and op.supports_autograd
        torch.manual_seed(0)
        samples = spread(op.sample_inputs("cpu", dtype, requires_grad=False), most)
        for sample in samples:
            result.attempt(
                dtype_name,
                compare.Sample(op, sample, with_gradients=False).run,
                lambda sample=sample: short((sample.input, *sample.args, sample.kwargs)),
            )
        if graded:
            torch.manual_seed(0)
            for sample in spread(op.sample_inputs("cpu", dtype, requires_grad=True), most):
                result.attempt(
                    "gradients",
                    compare.Sample(op, sample, with_gradients=True).run,
                    lambda sample=sample: short((sample.input, *sample.args, sample.kwargs)),
                )
        if dtype_name == "float32" or (dtype_name == "int64" and not result.tried):
            forms = {"methods": compare.method_form(op), "in place": compare.in_place_form(op)}
            for part, form in forms.items():
                for sample in itertools.islice(samples, 20 if form else 0):
                    result.attempt(
                        part,
                        lambda form=form, sample=sample: compare.run_form(op, form, sample),
                        lambda sample=sample: short((sample.input, *sample.args, sample.kwargs)),
                    )
    if op.error_inputs_func is not None:
        for error in op.error_inputs("cpu"):
            result.attempt(
                "errors",
                lambda error=error: must_fail(op, error),
                lambda error=error: short(
                    (error.sample_input.input, *error.sample_input.args,
                     error.sample_input.kwargs)
                ),
            )  # fmt: skip
    return result


def must_fail(op: Any, error: Any) -> None:
    """Our operator must raise what PyTorch's does: where the database names no class, one of our
    own errors, or the TypeError of a call that does not fit."""
    import gradatim as gd
    from tests.conformance.op_db.twins import OutOfScope, our_operator, to_ours

    sample = error.sample_input
    input, args, kwargs = to_ours((sample.input, sample.args, sample.kwargs), {})
    wanted = error.error_type
    if wanted is Exception and not error.error_regex and _passes_in_torch(op, sample):
        raise OutOfScope("PyTorch takes it")
    try:
        made = our_operator(op)(input, *args, **kwargs)
        for part in made if isinstance(made, (tuple, list)) else [made]:
            if hasattr(part, "realize"):
                part.realize()
    except wanted as raised:
        if wanted is Exception and not isinstance(raised, (gd.Error, TypeError)):
            raise AssertionError(
                f"raises {type(raised).__name__} ({str(raised)[:100]}), which is no error of ours"
            ) from raised
        return
    except Exception as other:
        # A wrong type is a TypeError here; PyTorch calls some of those a RuntimeError.
        raise AssertionError(
            f"raises {type(other).__name__} ({str(other)[:100]}), not {wanted.__name__} "
            f"({error.error_regex[:100]})"
        ) from None
    raise AssertionError(f"raises nothing, not {wanted.__name__}: {error.error_regex[:150]}")


def _passes_in_torch(op: Any, sample: Any) -> bool:
    try:
        op.op(sample.input, *sample.args, **sample.kwargs)
    except Exception:
        return False
    return True


def run_all(names: list[str], most: int | None, jobs: int) -> Iterable[Result]:
    """In several processes, as they are done."""
    if jobs == 1:
        yield from (run_operator(name, most, SECONDS) for name in names)
        return
    with concurrent.futures.ProcessPoolExecutor(jobs) as pool:
        yield from pool.map(
            run_operator, names, itertools.repeat(most), itertools.repeat(SECONDS), chunksize=4
        )


def main(arguments: list[str] | None = None) -> int:
    from tests.conformance.op_db.scope import operators

    parser = argparse.ArgumentParser(prog="tests.conformance.op_db.run", description=__doc__)
    parser.add_argument("names", nargs="*", help="operators, or patterns such as 'linalg.*'")
    parser.add_argument("--most", type=int, help="sample inputs of each dtype at most")
    parser.add_argument("--jobs", type=int, default=1, help="processes")
    parser.add_argument("--page", help="write the results to this Markdown file")
    parser.add_argument("--failures", type=int, default=5, help="failures shown an operator")
    given = parser.parse_args(arguments)
    names = list(operators())
    if given.names:
        names = [n for n in names if any(fnmatch.fnmatch(n, p) for p in given.names)]
        if not names:
            print(f"no operator in scope is named {' '.join(given.names)}", file=sys.stderr)
            return 2
    results = []
    for result in run_all(names, given.most, given.jobs):
        results.append(result)
        counts = ", ".join(f"{p} {result.passed[p]}/{result.tried[p]}"
                           for p in PARTS if result.tried[p])  # fmt: skip
        if result.failures or given.names:
            print(f"{result.name}: {counts}", flush=True)
        for part, message in result.failures[: given.failures]:
            print(f"    {part}: {message}", flush=True)
    passed = sum(r.samples[0] for r in results)
    tried = sum(r.samples[1] for r in results)
    whole = sum(not r.failures for r in results)
    print(f"{passed} of {tried} sample inputs ({passed / max(tried, 1):.2%}); "
          f"{whole} of {len(results)} operators without a failure")  # fmt: skip
    for part in PARTS[4:]:
        print(f"    {part}: {sum(r.passed[part] for r in results)} of "
              f"{sum(r.tried[part] for r in results)}")  # fmt: skip
    if given.page:
        from tests.conformance.op_db.page import write

        write(given.page, results)
    return 0 if whole == len(results) else 1


if __name__ == "__main__":
    sys.exit(main())
