"""einsum: sums of products of elements, said with one letter for each dimension.

`einsum("bij,bjk->bik", x, y)` multiplies two batches of matrices: a letter that is not in the
result is summed over. Operands are joined two at a time, the cheapest pair first; each join is one
contraction, or one elementwise product if nothing is summed.
"""

from __future__ import annotations

import math
import string
from collections.abc import Sequence
from typing import Any

from gradatim.graph import primitives as p
from gradatim.graph.dtypes import bool_, int64
from gradatim.graph.errors import (
    ArgumentError,
    ArgumentTypeError,
    ShapeError,
    UnsupportedDType,
)
from gradatim.graph.node import Node, Shape
from gradatim.ops.arguments import as_tensor_operand, result_dtype
from gradatim.tensor import Tensor, named

__all__ = ["einsum"]

ELLIPSIS = "..."
LETTERS = string.ascii_uppercase + string.ascii_lowercase  # also the order of an implied result

# What a dimension is called: a letter, or for one that "..." stands for its place from the right,
# -1, -2 ... (these broadcast).
Label = str | int
Term = tuple[Node, tuple[Label, ...]]


def einsum(*args: Any) -> Tensor:
    """The sum of products that an equation says.

    Args:
        args: the equation and the operands, `einsum("ij,jk->ik", x, y)`; or operands and lists of
            numbers for their dimensions in turn, `einsum(x, [0, 1], y, [1, 2], [0, 2])`.

    The equation has one group of letters for each operand, separated by commas. A letter repeated
    within a group takes the diagonal. "..." stands for any further dimensions, which broadcast.
    Without "->" the result has "..." and the letters that occur once, in alphabetical order.

    Raises:
        ShapeError: naming the operand and the letter that does not fit.

    Example:
        >>> import gradatim as gd
        >>> x = gd.arange(6).reshape(2, 3)
        >>> gd.einsum("ij->ji", x).shape, gd.einsum("ij,ij->i", x, x)
        (torch.Size([3, 2]), tensor([ 5, 50]))
    """
    groups, result, operands = _parse(args)
    nodes = [as_tensor_operand(t, "einsum")._read() for t in operands]
    terms = [_labelled(node, group, k) for k, (node, group) in enumerate(zip(nodes, groups))]
    sizes = _sizes(terms)
    output = _implied(groups, terms) if result is None else _explicit(result, terms)
    if len(terms) == 1 and terms[0][0].dtype is bool_:  # a count, as any sum of bools
        node, labels = terms[0]
        terms = [(p.cast(node, int64) if set(labels) != set(output) else node, labels)]
    while len(terms) > 1:
        i, j = _cheapest(terms, sizes)
        rest = [term for k, term in enumerate(terms) if k not in (i, j)]
        kept = {*output, *(label for _, labels in rest for label in labels)}
        terms = [_join(terms[i], terms[j], kept), *rest]
    node = _arranged(terms[0], output)
    return named(node, _NAMES.get(node.primitive.name, "View"))


_NAMES = {"mul": "Mul", "sum": "Sum:1", "permute": "Permute"}

# --- reading the equation ------------------------------------------------------------------------

Group = list[str]  # letters and at most one ELLIPSIS


def _parse(args: Sequence[Any]) -> tuple[list[Group], Group | None, list[Any]]:
    """The groups of the operands, that of the result if it is said, and the operands."""
    if len(args) >= 2 and isinstance(args[0], str):
        operands = list(args[1:])
        if len(operands) == 1 and isinstance(operands[0], (list, tuple)):
            operands = list(operands[0])
        left, arrow, right = args[0].partition("->")
        groups = [
            _letters(group, f"operand {k}", args[0]) for k, group in enumerate(left.split(","))
        ]
        result = _letters(right, "the result", args[0]) if arrow else None
    elif len(args) >= 2:
        if any(isinstance(group, str) for group in args):
            raise ArgumentTypeError(
                "einsum(): the equation string comes first, before the operands: "
                "einsum('ij->ji', x)"
            )
        operands = list(args[: len(args) // 2 * 2 : 2])
        groups = [_numbered(group) for group in args[1::2]]
        result = _numbered(args[-1]) if len(args) % 2 else None
    else:
        raise ArgumentError(
            "einsum(): must specify the equation string and at least one operand, or at least one "
            "operand and its subscripts list"
        )
    if len(groups) != len(operands):
        which = "fewer" if len(operands) < len(groups) else "more"
        raise ShapeError(
            f"einsum(): {which} operands were provided than specified in the equation: "
            f"{len(operands)} for {len(groups)} groups of letters"
        )
    return groups, result, operands


def _letters(text: str, where: str, equation: str) -> Group:
    group: Group = []
    text = text.replace(" ", "")
    before, dots, after = text.partition(ELLIPSIS)
    for part, following in ((before, dots), (after, "")):
        for letter in part:
            if letter == ".":
                raise ShapeError(
                    f"einsum(): found '.' for {where} that is not part of any ellipsis in "
                    f"{equation!r}"
                )
            if letter not in LETTERS:
                raise ShapeError(
                    f"einsum(): invalid subscript {letter!r} given for {where} in the equation "
                    f"string {equation!r}, subscripts must be in [a-zA-Z]"
                )
            group.append(letter)
        if following:
            group.append(ELLIPSIS)
    return group


def _numbered(group: Any) -> Group:
    found: Group = []
    for number in group:
        if number is Ellipsis:
            found.append(ELLIPSIS)
        elif 0 <= number < len(LETTERS):
            found.append(LETTERS[number])
        else:
            raise ArgumentError(
                f"einsum(): subscript in subscript list is not within the valid range "
                f"[0, {len(LETTERS)}): {number}"
            )
    return found


# --- letters and dimensions ----------------------------------------------------------------------


def _spelled(group: Group, ndim: int) -> tuple[Label, ...]:
    """The group's labels, with "..." as the numbers of the dimensions it stands for."""
    count = ndim - (len(group) - 1)
    labels: list[Label] = []
    for letter in group:
        if letter == ELLIPSIS:
            labels.extend(range(-count, 0))
        else:
            labels.append(letter)
    return tuple(labels)


def _labelled(x: Node, group: Group, operand: int) -> Term:
    """An operand with its labels, each once: repeated ones become a diagonal."""
    named_dims = len(group) - (ELLIPSIS in group)
    if named_dims > x.ndim or (named_dims < x.ndim and ELLIPSIS not in group):
        raise ShapeError(
            f"einsum(): the number of subscripts in the equation ({named_dims}) does not match the "
            f"number of dimensions ({x.ndim}) for operand {operand}"
            + ("" if ELLIPSIS in group else " and no ellipsis was given")
        )
    labels = list(_spelled(group, x.ndim))
    for label in dict.fromkeys(labels):
        while labels.count(label) > 1:
            first = labels.index(label)
            second = labels.index(label, first + 1)
            if x.shape[first] != x.shape[second]:
                raise ShapeError(
                    f"einsum(): subscript {label} is repeated for operand {operand} but the sizes "
                    f"don't match, {x.shape[second]} != {x.shape[first]}"
                )
            x = _diagonal(x, first, second)
            del labels[second], labels[first]
            labels.append(label)
    return x, tuple(labels)


def _diagonal(x: Node, first: int, second: int) -> Node:
    """The elements whose two coordinates are equal, along a new last axis."""
    others = tuple(k for k in range(x.ndim) if k not in (first, second))
    size = x.shape[first]
    lead: Shape = tuple(x.shape[k] for k in others)
    flat = p.reshape(p.permute(x, (*others, first, second)), (*lead, size * size))
    starts = (0,) * flat.ndim
    return p.slice_(flat, starts, flat.shape, (*[1] * len(lead), size + 1))


def _sizes(terms: Sequence[Term]) -> dict[Label, int]:
    sizes: dict[Label, int] = {}
    for operand, (node, labels) in enumerate(terms):
        for label, size in zip(labels, node.shape):
            before = sizes.get(label, 1)
            if size not in (1, before) and before != 1:
                what = label if isinstance(label, str) else "'...'"
                raise ShapeError(
                    f"einsum(): subscript {what} has size {size} for operand {operand} which does "
                    f"not broadcast with previously seen size {before}"
                )
            sizes[label] = size if before == 1 else before
    return sizes


def _ellipsis_labels(terms: Sequence[Term]) -> list[Label]:
    return sorted({label for _, labels in terms for label in labels if isinstance(label, int)})


def _implied(groups: Sequence[Group], terms: Sequence[Term]) -> tuple[Label, ...]:
    """The result of an equation without "->"."""
    given = [letter for group in groups for letter in group]
    once = [letter for letter in LETTERS if given.count(letter) == 1]
    return (*_ellipsis_labels(terms), *once)


def _explicit(group: Group, terms: Sequence[Term]) -> tuple[Label, ...]:
    known = {label for _, labels in terms for label in labels}
    output: list[Label] = []
    for letter in group:
        if letter == ELLIPSIS:
            output.extend(_ellipsis_labels(terms))
        elif letter in output:
            raise ShapeError(
                f"einsum(): output subscript {letter} appears more than once in the output"
            )
        elif letter not in known:
            raise ShapeError(
                f"einsum(): output subscript {letter} does not appear in the equation for any "
                f"input operand"
            )
        else:
            output.append(letter)
    return tuple(output)


# --- joining -------------------------------------------------------------------------------------


def _cheapest(terms: Sequence[Term], sizes: dict[Label, int]) -> tuple[int, int]:
    """The pair whose join takes the fewest multiplications."""
    pairs = [(i, j) for i in range(len(terms)) for j in range(i + 1, len(terms))]
    return min(
        pairs,
        key=lambda pair: math.prod(
            sizes[label] for label in {*terms[pair[0]][1], *terms[pair[1]][1]}
        ),
    )


def _join(first: Term, second: Term, kept: set[Label]) -> Term:
    """The product of two terms, summed over the labels that nobody needs any more."""
    first, second = _spread(first, second), _spread(second, first)
    a, a_labels = _summed(first, kept | set(second[1]))
    b, b_labels = _summed(second, kept | set(first[1]))
    shared = [label for label in a_labels if label in b_labels]
    batch = [label for label in shared if label in kept]
    gone = [label for label in shared if label not in kept]
    labels = (
        *batch,
        *(label for label in a_labels if label not in shared),
        *(label for label in b_labels if label not in shared),
    )
    if not gone:
        return _product(a, a_labels, b, b_labels, labels), labels
    if a.dtype is b.dtype is bool_:
        raise UnsupportedDType(
            '"einsum" is not implemented for bool: cast it with .int() or .float()'
        )
    return p.contract(
        a,
        b,
        tuple(a_labels.index(label) for label in gone),
        tuple(b_labels.index(label) for label in gone),
        tuple(a_labels.index(label) for label in batch),
        tuple(b_labels.index(label) for label in batch),
    ), labels


def _spread(term: Term, other: Term) -> Term:
    """The term without its dimensions of size 1 along which the other is longer: they broadcast."""
    node, labels = term
    longer = {label for label, size in zip(other[1], other[0].shape) if size != 1}
    stays = [k for k, label in enumerate(labels) if node.shape[k] != 1 or label not in longer]
    if len(stays) == len(labels):
        return term
    return p.reshape(node, tuple(node.shape[k] for k in stays)), tuple(labels[k] for k in stays)


def _summed(term: Term, kept: set[Label]) -> Term:
    """The term with every other label summed away."""
    node, labels = term
    axes = tuple(k for k, label in enumerate(labels) if label not in kept)
    if not axes:
        return term
    return p.sum_(node, axes), tuple(label for label in labels if label in kept)


def _product(
    a: Node, a_labels: Sequence[Label], b: Node, b_labels: Sequence[Label], labels: Sequence[Label]
) -> Node:
    """The elementwise product, with the axes in the order of `labels`."""
    dtype = result_dtype(a, b)
    return p.mul(
        _aligned(p.cast(a, dtype), a_labels, labels), _aligned(p.cast(b, dtype), b_labels, labels)
    )


def _aligned(x: Node, own: Sequence[Label], labels: Sequence[Label]) -> Node:
    """`x` with its axes in the order of `labels`, and size 1 where it has none."""
    mine = [label for label in labels if label in own]
    x = p.permute(x, tuple(own.index(label) for label in mine))
    extents = dict(zip(mine, x.shape))
    return p.reshape(x, tuple(extents.get(label, 1) for label in labels))


def _arranged(term: Term, output: Sequence[Label]) -> Node:
    """The last term as the result wants it."""
    node, labels = _summed(term, set(output))
    return p.permute(node, tuple(labels.index(label) for label in output))
