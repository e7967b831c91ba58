"""The page that lists each operator with what passes and what does not."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from tests.conformance.op_db.gaps import GAPS
from tests.conformance.op_db.run import PARTS, Result
from tests.conformance.op_db.scope import FAMILIES_OUT, full_name, why_out


def write(path: str, results: Sequence[Result]) -> None:
    """Write it, whole or not at all."""
    target = Path(path)
    part = target.with_suffix(".part")
    part.write_text(page(results))
    os.replace(part, target)


def page(results: Sequence[Result]) -> str:
    """The text: totals, the table, the gaps, and what is out of scope."""
    import torch

    passed, tried = (sum(r.samples[k] for r in results) for k in (0, 1))
    whole = sum(not r.failures for r in results)
    lines = [
        "# Conformance",
        "",
        f"PyTorch {torch.__version__.split('+')[0]} ships a database of its operators with sample "
        "inputs and inputs that must fail. `make conformance-page` runs all of it through Gradatim "
        "and writes this page.",
        "",
        f"**{passed:,} of {tried:,} sample inputs pass ({passed / tried:.2%}); {whole} of "
        f"{len(results)} operators pass whole.**",
        "",
        "A sample passes if values, dtypes and shapes are PyTorch's, within the tolerances "
        "of its own tests. Gradients are taken in float64 with random cotangents; "
        "an error input passes if the same class of error is raised.",
        "",
        "| what | passes | of |",
        "|---|--:|--:|",
    ]
    for kind in PARTS:
        count, total = (sum(getattr(r, k)[kind] for r in results) for k in ("passed", "tried"))
        lines.append(f"| {kind} | {count:,} | {total:,} |")
    lines += ["", "## Operators", "", f"| operator | {' | '.join(PARTS)} |",
              "|---|" + "--:|" * len(PARTS)]  # fmt: skip
    for r in sorted(results, key=lambda r: r.name):
        cells = [_cell(r.passed[k], r.tried[k]) for k in PARTS]
        lines.append(f"| `{r.name}` | {' | '.join(cells)} |")
    lines += ["", "## Gaps", ""]
    for r in sorted(results, key=lambda r: r.name):
        if r.failures:
            lines += _gap(r)
    lines += ["", "## Out of scope", ""]
    lines += _out_of_scope()
    return "\n".join(lines) + "\n"


def _cell(passed: int, tried: int) -> str:
    if not tried:
        return ""
    return str(tried) if passed == tried else f"**{passed}/{tried}**"


def _gap(result: Result) -> list[str]:
    part, message = result.failures[0]
    _, reason = GAPS.get(result.name, ((), "not known yet"))
    text = message.replace("|", "\\|").replace("`", "'")
    start = f"- `{result.name}`: {reason} ({len(result.failures)} failures; "
    return [f"{start}{part}: `{text[:240]}`)"]


def _out_of_scope() -> list[str]:
    from torch.testing._internal.common_methods_invocations import op_db

    reasons: dict[str, list[str]] = {}
    for op in op_db:
        reason = why_out(op)
        if reason is not None:
            family = next((f for f in FAMILIES_OUT if op.name.startswith(f)), None)
            shown = f"{family}*" if family else full_name(op)
            names = reasons.setdefault(reason, [])
            if shown not in names:
                names.append(shown)
    return [
        f"- {reason}: {', '.join(f'`{n}`' for n in names)}" for reason, names in reasons.items()
    ]
