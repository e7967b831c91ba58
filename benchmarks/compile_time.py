"""How long the first training step takes with nothing compiled, and in the next process.

    python benchmarks/compile_time.py [NAME ...] [--rounds 3]

Each network is started in processes of its own: the first with an empty cache, the next with what
the first left there. Printed are the seconds of the first step less those of a later one, which is
what capturing, scheduling, compiling and loading took, and how many Programs went through LLVM.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from typing import Any

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, ROOT)

Step = Callable[[], Any]


def published(name: str) -> Callable[[], Step]:
    """A workload of `gradatim bench`."""

    def make() -> Step:
        from gradatim.bench import sides
        from gradatim.bench.workloads import choose

        (workload,) = choose([name])
        weights = sides.initial_weights(workload)
        return sides.prepare(sides.OURS, workload, weights, *workload.data(), 0)

    return make


# GoogLeNet (Szegedy et al. 2014), table 1: 1x1; 1x1 and 3x3; 1x1 and 5x5; pooling and 1x1.
INCEPTION = (
    (64, 96, 128, 16, 32, 32), (128, 128, 192, 32, 96, 64), "pool",
    (192, 96, 208, 16, 48, 64), (160, 112, 224, 24, 64, 64), (128, 128, 256, 24, 64, 64),
    (112, 144, 288, 32, 64, 64), (256, 160, 320, 32, 128, 128), "pool",
    (256, 160, 320, 32, 128, 128), (384, 192, 384, 48, 128, 128),
)  # fmt: skip


def googlenet() -> Step:
    """A training step of GoogLeNet, without its side classifiers, on 2 images of 224 x 224."""
    import gradatim as gd
    from gradatim import nn

    def conv(i: int, o: int, kernel: int, stride: int = 1) -> nn.Module:
        return nn.Sequential(nn.Conv2d(i, o, kernel, stride, kernel // 2), nn.ReLU())

    class Inception(nn.Module):
        def __init__(self, i: int, a: int, b1: int, b: int, c1: int, c: int, d: int):
            super().__init__()
            self.branches = nn.ModuleList(
                [
                    conv(i, a, 1),
                    nn.Sequential(conv(i, b1, 1), conv(b1, b, 3)),
                    nn.Sequential(conv(i, c1, 1), conv(c1, c, 5)),
                    nn.Sequential(nn.MaxPool2d(3, 1, 1), conv(i, d, 1)),
                ]
            )

        def forward(self, x: Any) -> Any:
            return gd.cat([branch(x) for branch in self.branches], 1)

    layers = [conv(3, 64, 7, 2), nn.MaxPool2d(3, 2, 1), conv(64, 64, 1), conv(64, 192, 3)]
    layers.append(nn.MaxPool2d(3, 2, 1))
    width = 192
    for sizes in INCEPTION:
        if sizes == "pool":
            layers.append(nn.MaxPool2d(3, 2, 1))
        else:
            layers.append(Inception(width, *sizes))
            width = sizes[0] + sizes[2] + sizes[4] + sizes[5]
    model = nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(width, 1000))
    criterion = nn.CrossEntropyLoss()
    optimizer = gd.optim.SGD(model.parameters(), lr=0.01)
    x, y = gd.randn(2, 3, 224, 224), gd.randint(0, 1000, (2,))

    @gd.compile
    def step(x: Any, y: Any) -> Any:
        optimizer.zero_grad()
        loss = criterion(model(x), y)
        loss.backward()
        optimizer.step()
        return loss.detach()

    return lambda: step(x, y)


NETWORKS: dict[str, tuple[Callable[[], Step], float]] = {
    # a step, and the seconds that its compilation may take
    "deck classifier": (published("deck_mnist_b1000"), 0.5),
    "LeNet-5": (published("lenet5_b128"), 2.0),
    "LSTM": (published("lstm_har_b64_t128_h128"), 2.0),
    "GoogLeNet": (googlenet, 30.0),
}


def child(name: str) -> None:
    """Run in a process of its own: the seconds of the first step and of a later one."""
    step = NETWORKS[name][0]()
    from gradatim.engines import current_engine
    from gradatim.engines.llvm import executable

    current_engine()
    before = executable.compiled
    seconds = []
    for _ in range(4):
        begin = time.perf_counter()
        float(step())
        seconds.append(time.perf_counter() - begin)
    compiled = executable.compiled - before
    print(json.dumps({"seconds": seconds[0] - min(seconds[1:]), "compiled": compiled}))


def start(name: str, cache: str) -> dict[str, Any]:
    environment = os.environ | {"GRADATIM_CACHE": cache, "PYTHONPATH": ROOT}
    command = [sys.executable, os.path.abspath(__file__), "--child", name]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(done.stderr)
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", help="parts of names; all without")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--child", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.child:
        child(arguments.child)
        return
    print(f"{'seconds, median of ' + str(arguments.rounds):24}{'cold':>8}{'warm':>8}{'bar':>8}")
    for name, (_, bar) in NETWORKS.items():
        if arguments.names and not any(part.lower() in name.lower() for part in arguments.names):
            continue
        cold, warm = [], []
        for _ in range(arguments.rounds):
            with tempfile.TemporaryDirectory() as cache:
                cold.append(start(name, cache))
                warm.append(start(name, cache))
        first, second = (statistics.median(r["seconds"] for r in runs) for runs in (cold, warm))
        verdict = "met" if first <= bar else "MISSED"
        print(
            f"{name:24}{first:8.2f}{second:8.2f}{bar:8.1f}   {verdict}; "
            f"{cold[0]['compiled']} programs compiled cold, {warm[0]['compiled']} warm",
            flush=True,
        )


if __name__ == "__main__":
    main()
