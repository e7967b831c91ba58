"""How a tensor prints: PyTorch's text, to the byte.

The text is made in four steps, each one function below:

1. *Choose* which elements are shown. Above `threshold` elements, an axis longer than twice
   `edgeitems` shows its two ends only, and nothing else is read (`_shown_part`).
2. *Write* each shown element. All floats of a tensor share one notation, chosen from their
   magnitudes: `1.`, `1.2500` or `1.2500e+00` (`_choose_notation`).
3. *Lay out* the texts in nested brackets, right-aligned, wrapped at `linewidth` (`_nest`).
4. *Append* what the values cannot say: device, size, dtype, gradient (`_append_suffixes`).

Nothing here knows Tensor: values arrive as NumPy arrays.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from gradatim.graph.errors import ArgumentError, ArgumentTypeError

if TYPE_CHECKING:
    from gradatim.graph.dtypes import DType


# --- options -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class PrintOptions:
    """How values are shown; the defaults are PyTorch's."""

    precision: int = 4
    threshold: float = 1000
    edgeitems: int = 3
    linewidth: float = 80
    sci_mode: bool | None = None


_PROFILES = {
    "default": PrintOptions(),
    "short": PrintOptions(precision=2, edgeitems=2),
    "full": PrintOptions(threshold=math.inf),
}

_options = PrintOptions()


def set_printoptions(
    precision: int | None = None,
    threshold: float | None = None,
    edgeitems: int | None = None,
    linewidth: float | None = None,
    profile: str | None = None,
    sci_mode: bool | None = None,
) -> None:
    """Set how tensors print from now on. What is None stays as it is, except `sci_mode`.

    Args:
        precision: digits after the decimal point (default 4).
        threshold: a tensor with more elements than this is summarized (default 1000).
        edgeitems: elements shown at each end of a summarized axis (default 3).
        linewidth: characters per line (default 80).
        profile: `"default"`, `"short"` (precision 2, edgeitems 2) or `"full"` (no summary); the
            other arguments are applied on top of it. An unknown name changes nothing and warns.
        sci_mode: True or False forces scientific notation on or off; None, also when merely left
            out, lets each tensor decide.

    Raises:
        ArgumentTypeError: an option of the wrong type.
        ArgumentError: a negative `precision` or `edgeitems`.

    >>> import numpy as np
    >>> from gradatim.graph.dtypes import float32
    >>> set_printoptions(precision=1)
    >>> print(tensor_repr(np.array([0.25, 3.0], np.float32), float32, is_default_dtype=True))
    tensor([0.2, 3.0])
    >>> set_printoptions(profile="default")
    """
    global _options
    _check_count("precision", precision)
    _check_number("threshold", threshold)
    _check_count("edgeitems", edgeitems)
    _check_number("linewidth", linewidth)
    if profile is not None and profile not in _PROFILES:
        warnings.warn(
            f"set_printoptions: no profile {profile!r}; there are 'default', 'short' and 'full'",
            stacklevel=2,
        )
    given = {
        "precision": precision,
        "threshold": threshold,
        "edgeitems": edgeitems,
        "linewidth": linewidth,
    }
    changes: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
    base = _PROFILES.get(profile, _options) if profile is not None else _options
    _options = replace(base, **changes, sci_mode=sci_mode)


def get_printoptions() -> dict[str, Any]:
    """The options now in force, as keyword arguments for `set_printoptions`.

    >>> get_printoptions()
    {'precision': 4, 'threshold': 1000, 'edgeitems': 3, 'linewidth': 80, 'sci_mode': None}
    """
    return asdict(_options)


@contextmanager
def printoptions(**options: Any) -> Iterator[None]:
    """Set options for the length of a `with` block; takes what `set_printoptions` takes.

    >>> with printoptions(precision=2):
    ...     get_printoptions()["precision"]
    2
    >>> get_printoptions()["precision"]
    4
    """
    global _options
    before = _options
    try:
        set_printoptions(**options)
        yield
    finally:
        _options = before


def _check_count(name: str, value: object) -> None:
    if value is None:
        return
    if not isinstance(value, (int, np.integer)):
        raise ArgumentTypeError(
            f"set_printoptions: {name} must be an integer, got {value!r} ({type(value).__name__})"
        )
    if value < 0:
        raise ArgumentError(f"set_printoptions: {name} must be 0 or more, got {value}")


def _check_number(name: str, value: object) -> None:
    if value is not None and not isinstance(value, (int, float, np.integer, np.floating)):
        raise ArgumentTypeError(
            f"set_printoptions: {name} must be a number, got {value!r} ({type(value).__name__})"
        )


# --- the whole text ------------------------------------------------------------------------------


def tensor_repr(
    array: np.ndarray,
    dtype: DType,
    *,
    requires_grad: bool = False,
    grad_fn: str | None = None,
    is_default_dtype: bool,
    device: str = "cpu",
    prefix: str = "tensor(",
) -> str:
    """The repr of a tensor, as PyTorch 2.13 writes it.

    Args:
        array: the values, any shape, with the NumPy dtype of `dtype`.
        dtype: the tensor's dtype.
        requires_grad: whether to say `requires_grad=True` (a leaf; `grad_fn` takes its place).
        grad_fn: the name of the operation the tensor came from, such as `"AddBackward0"`.
        is_default_dtype: whether `dtype` is the default floating dtype, which goes without saying
            (as int64 and bool do where a value shows them).
        device: where the tensor lives; said unless it is `"cpu"`.
        prefix: what opens the text; `"MyTensor("` for a subclass of that name.

    >>> from gradatim.graph.dtypes import float32, float64
    >>> print(tensor_repr(np.ones((2, 2), np.float32), float32, is_default_dtype=True))
    tensor([[1., 1.],
            [1., 1.]])
    >>> print(tensor_repr(np.array(0.5), float64, is_default_dtype=False, grad_fn="MulBackward0"))
    tensor(0.5000, dtype=torch.float64, grad_fn=<MulBackward0>)
    """
    array = np.asarray(array)
    options = _options
    if array.size == 0:
        # No value shows the dtype of an empty tensor, so int64 and bool are said here too.
        values = "[]"
        says_size = array.ndim != 1
        says_dtype = not (is_default_dtype and dtype.is_floating_point)
    else:
        values = _values_text(array, indent=len(prefix), options=options)
        says_size = options.edgeitems == 0
        says_dtype = not (is_default_dtype or dtype.name in ("int64", "bool"))

    suffixes = []
    if device != "cpu":
        suffixes.append(f"device='{device}'")
    if says_size:
        suffixes.append(f"size={array.shape}")
    if says_dtype:
        suffixes.append(f"dtype={dtype!r}")
    if grad_fn is not None:
        suffixes.append(f"grad_fn=<{grad_fn}>")
    elif requires_grad:
        suffixes.append("requires_grad=True")
    return _append_suffixes(prefix + values, suffixes, len(prefix), options.linewidth) + ")"


def _append_suffixes(text: str, suffixes: list[str], indent: int, linewidth: float) -> str:
    """`text` with each suffix on its last line where that fits, else on a line of its own."""
    # PyTorch counts the line of values two characters longer than it is.
    column = len(text) - (text.rfind("\n") + 1) + 2
    for suffix in suffixes:
        if column + len(", ") + len(suffix) > linewidth:
            text += ",\n" + " " * indent + suffix
            column = indent + len(suffix)
        else:
            text += ", " + suffix
            column += len(", ") + len(suffix)
    return text


# --- the values ----------------------------------------------------------------------------------


def _values_text(array: np.ndarray, indent: int, options: PrintOptions) -> str:
    """The bracketed values of a non-empty array, continued lines indented by `indent`."""
    cut = [False] * array.ndim
    if array.size > options.threshold:
        if options.edgeitems == 0 and array.ndim > 0:
            return "[...]"
        cut = [size > 2 * options.edgeitems for size in array.shape]
        array = _shown_part(array, cut, options.edgeitems)

    texts, width = _element_texts(array, options)
    if array.ndim == 0:
        return texts[0]
    # The innermost rows stand `ndim - 1` brackets further in.
    room = options.linewidth - (indent + array.ndim - 1)
    per_line = max(1, int(min(room, 2**31) // (width + len(", "))))
    return _nest(texts, array.shape, cut, indent, per_line)


def _shown_part(array: np.ndarray, cut: list[bool], edgeitems: int) -> np.ndarray:
    """The elements a summary shows: both ends of each cut axis. Reads no other element."""
    ends = [
        np.r_[:edgeitems, size - edgeitems : size] if is_cut else np.arange(size)
        for size, is_cut in zip(array.shape, cut)
    ]
    shown: np.ndarray = array[np.ix_(*ends)]
    return shown


def _element_texts(array: np.ndarray, options: PrintOptions) -> tuple[list[str], int]:
    """Each element's text, padded to the common width, and that width."""
    if array.dtype.kind in "iub":
        texts = [str(value) for value in array.ravel().tolist()]
        width = max(map(len, texts))
        return [text.rjust(width) for text in texts], width

    with np.errstate(invalid="ignore"):  # widening a signalling NaN
        values = array.astype(np.float64).ravel()
    # Zeros, NaN and infinities have no say in the notation or the width.
    is_ordinary = np.isfinite(values) & (values != 0)
    notation, ending = _choose_notation(values[is_ordinary], options)
    texts = [
        notation % value + ending if math.isfinite(value) else str(value)
        for value in values.tolist()
    ]
    width = max((len(text) for text, has_say in zip(texts, is_ordinary) if has_say), default=1)
    return [text.rjust(width) for text in texts], width


def _choose_notation(ordinary: np.ndarray, options: PrintOptions) -> tuple[str, str]:
    """How finite floats are written: a `%` format, and what is put behind it.

    `ordinary` holds the shown values that are finite and not zero. Whole numbers are written
    `3.`, others with `precision` digits; numbers too large, too small or too far apart for that,
    with an exponent.
    """
    if ordinary.size == 0:
        return "%.0f", "."
    magnitudes = np.abs(ordinary)
    smallest, largest = float(magnitudes.min()), float(magnitudes.max())
    whole = bool((ordinary == np.floor(ordinary)).all())

    scientific = options.sci_mode
    if scientific is None:
        scientific = largest / smallest > 1000 or largest > 1e8 or smallest < 1e-4
    if scientific:
        return f"%.{options.precision}e", ""
    if whole:
        return "%.0f", "."
    return f"%.{options.precision}f", ""


def _nest(
    texts: list[str], shape: tuple[int, ...], cut: list[bool], indent: int, per_line: int
) -> str:
    """`texts`, in row-major order, as nested brackets. `cut` axes get an ellipsis in the middle."""
    if len(shape) == 1:
        items = _with_ellipsis(texts, " ...") if cut[0] else texts
        starts = range(0, len(items), per_line)
        lines = [", ".join(items[start : start + per_line]) for start in starts]
        return "[" + (",\n" + " " * (indent + 1)).join(lines) + "]"

    step = len(texts) // shape[0]
    blocks = [
        _nest(texts[start : start + step], shape[1:], cut[1:], indent + 1, per_line)
        for start in range(0, len(texts), step)
    ]
    if cut[0]:
        blocks = _with_ellipsis(blocks, "...")
    # One line break between rows, one blank line more for each axis further out.
    between = "," + "\n" * (len(shape) - 1) + " " * (indent + 1)
    return "[" + between.join(blocks) + "]"


def _with_ellipsis(parts: list[str], ellipsis: str) -> list[str]:
    middle = len(parts) // 2
    return [*parts[:middle], ellipsis, *parts[middle:]]
