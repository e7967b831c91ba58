"""The primitive `scan` as `lax.scan`: the body is traced once.

What its steps check is stacked like their results, and the first step that fails counts.
"""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
from jax import lax

from gradatim.engines.xla import table
from gradatim.engines.xla.table import MEANING, Array, means
from gradatim.graph.node import Node
from gradatim.graph.scan import Body


def run_nodes(nodes: Any, values: dict[Node, Any]) -> None:
    """Compute Nodes, inputs before readers, into `values`."""
    for node in nodes:
        if node not in values:
            reads = [values[n] for n in node.inputs]
            values[node] = MEANING[node.primitive.name](node, *reads)


@means("scan")
def _scan(node: Node, *arrays: Array) -> Any:
    body: Body
    body, n_carries, n_sequences, length, reverse = node.params
    constants = arrays[n_carries + n_sequences :]
    known: list[table.Check] = []

    def step(carries: Any, slices: Any) -> Any:
        with table.collecting() as checks:
            values = dict(zip(body.inputs, (*carries, *slices, *constants)))
            run_nodes(body.nodes, values)
            known[:] = checks.known
            results = [values[n] for n in body.outputs]
            return tuple(results[:n_carries]), (results[n_carries:], checks.array())

    carries = tuple(arrays[:n_carries])
    sequences = tuple(arrays[n_carries : n_carries + n_sequences])
    carries, (stacked, rows) = lax.scan(step, carries, sequences, length, reverse)
    if known and length:
        failed = rows[:, :, 0] != 0
        failed = failed[::-1] if reverse else failed
        rows = rows[::-1] if reverse else rows
        first = jnp.argmax(jnp.any(failed, 1))
        for k, check in enumerate(known):
            table.add_row(check.error, check.message, rows[first, k])
    return (*carries, *stacked)
