"""Processes that compute together, by way of `jax.distributed`: joining, meeting, and a board on
which each leaves a line for the others to read (JAX's coordination service keeps it).
"""

from __future__ import annotations

import contextlib
import logging
import os
import sys
from typing import Any

import jax
from jax._src import distributed  # for the board and the loss: they have no public names
from jax.experimental import multihost_utils

PATIENCE = 3600  # seconds without a beat after which JAX itself aborts: ours come first


def connect(
    coordinator: str | None, processes: int | None, process: int | None, timeout: int
) -> None:
    """Join the processes of a run; None for what Slurm, Kubernetes or MPI says.

    Args:
        coordinator: "host:port" of process 0.
        processes: how many there are.
        process: which one this is.
        timeout: seconds to wait for the others.
    """
    logging.getLogger("jax._src.distributed").setLevel(logging.ERROR)
    settings: Any = jax.config
    settings.update("jax_cpu_collectives_implementation", "gloo")
    _keep_output()
    jax.distributed.initialize(
        coordinator_address=coordinator,
        num_processes=processes,
        process_id=process,
        initialization_timeout=timeout,
        heartbeat_timeout_seconds=PATIENCE,
        shutdown_timeout_seconds=10,
    )


def _keep_output() -> None:
    """Keep the standard output for Python: Gloo reports each of its connections there."""
    with contextlib.suppress(OSError, ValueError, AttributeError):
        if sys.stdout.fileno() == 1:
            sys.stdout.flush()
            kept = os.fdopen(os.dup(1), "w", 1, encoding=sys.stdout.encoding)
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, 1)
            os.close(nowhere)
            sys.stdout = sys.__stdout__ = kept  # type: ignore[misc]


def leader() -> str:
    """The address of process 0, whose port is open while it lives."""
    return str(distributed.global_state.coordinator_address)


def process() -> tuple[int, int]:
    """Which process this is, and of how many."""
    return jax.process_index(), jax.process_count()


def meet(name: str) -> None:
    """Wait until all processes are here."""
    if jax.process_count() > 1:
        multihost_utils.sync_global_devices(name)


def _client() -> Any:
    return distributed.global_state.client


def say(key: str, line: str) -> None:
    """Leave a line on the board, over an earlier one of that key."""
    _client().key_value_set(key, line, allow_overwrite=True)


def heard(prefix: str) -> dict[str, str]:
    """All lines whose keys begin with this."""
    return dict(_client().key_value_dir_get(prefix))
