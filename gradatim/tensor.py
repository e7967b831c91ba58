"""Tensor: what users hold. A handle on a cell of the graph, plus `.grad`.

A Tensor's content is its cell's Node, computed or not. Several handles may name one cell: views
(the handle then has a path from the base), `detach()` and `.data`. Reading a handle (`_read`) gives
the Node that an operation takes as its input; writing it (`_write`) gives the cell a new Node.

The operations themselves are functions in `ops/`, which also hang them onto this class as methods.
"""

from __future__ import annotations

import functools
import os
import sys
import weakref
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

import numpy as np

from gradatim import views
from gradatim.device import CPU, Device
from gradatim.graph import dtypes
from gradatim.graph import primitives as p
from gradatim.graph.dtypes import DType
from gradatim.graph.errors import (
    ArgumentError,
    ArgumentTypeError,
    CaptureError,
    DTypeError,
    GradientError,
    MissingName,
    ShapeError,
    nearest,
)
from gradatim.graph.node import COUNTED, NONE, Node, Shape, mode
from gradatim.memory_format import Layout, lies_in, strided
from gradatim.realize import (
    Cell,
    compute,
    compute_now,
    engine_of,
    flush,
    hold,
    local,
    moved,
    state,
    track,
    value_of,
)
from gradatim.size import Size

if TYPE_CHECKING:
    from gradatim.autograd import GradFn

Array = np.ndarray[Any, Any]
_PACKAGE = os.path.dirname(__file__)


class Tensor:
    """An n-dimensional array, perhaps not computed yet, perhaps with a gradient.

    Make one with `gd.tensor(...)`, `gd.zeros(...)`, `gd.from_numpy(...)` or by computing.

    Example:
        >>> import gradatim as gd
        >>> x = gd.tensor([1.0, 2.0], requires_grad=True)
        >>> (x * x).sum().backward()
        >>> x.grad
        tensor([2., 4.])
    """

    # A handle of the ordinary kind has no attribute but its cell: the rest are these defaults.
    _cell: Cell
    _plain = True  # reading it is just taking its cell's Node
    _base: Tensor | None = None  # the handle that this one is a view of
    _path: views.Path = ()  # steps from the cell's content
    _from_base: views.Path = ()  # steps from `_base`
    _layout: tuple[Shape, Shape, int] | None = None  # of a view: shape, strides, offset
    _detached = False  # reads without history
    _data = False  # made by `.data`: its writes are not counted
    _requires_grad = False  # a leaf that wants a gradient
    _grad: Tensor | None = None
    _op: str | None = None  # the public operation that made it
    _view_node: tuple[Node, Node] | None = None
    _hooks: dict[int, Callable[..., Any]] | None = None
    _after_accumulate: dict[int, Callable[..., Any]] | None = None
    _retains_grad = False

    __array_priority__ = 1000
    __hash__ = object.__hash__

    def __init__(self, *args: Any, **kwargs: Any):
        if isinstance(self, Tensor) and hasattr(self, "_cell"):
            return
        from gradatim import ops

        if args and all(isinstance(n, int) for n in args):
            made = ops.empty(*args)
        else:
            made = ops.tensor(*(args or ([],)), **({"dtype": dtypes.get_default_dtype()} | kwargs))
        self._cell = made._cell

    # --- reading ---------------------------------------------------------------------------------

    def _read(self) -> Node:
        """The Node that an operation on this tensor takes as its input."""
        cell = self._cell
        if self._plain and cell.exposure is None and local.capture is None and not cell.escaped:
            return cell.node
        return self._read_with_care()

    def _read_with_care(self) -> Node:
        cell = self._cell
        if cell.escaped:
            raise CaptureError(cell.escaped)
        if local.capture is not None:
            local.capture.note_read(cell)
        elif cell.is_exposed:
            state.exposed_read = state.special = True
        if self._requires_grad:
            if local.capture is not None:
                local.capture.leaves[id(self)] = (self, cell)
            return self._variable()
        if self._base is not None:
            node = self._read_view(self._base._read())
        else:
            node = cell.node
        return p.stop_gradient(node) if self._detached else node

    def _read_view(self, base: Node) -> Node:
        """The view's Node. Of computed memory it is a strided view, so that the place of a slice is
        no part of any Program's key."""
        cached = self._view_node
        if cached is not None and cached[0] is base and local.capture is None:
            return cached[1]
        node = views.apply_path(base, self._from_base)
        if (
            type(base.buffer) is np.ndarray
            and node is not base
            and local.capture is None
            and views.has_slice(self._from_base)
        ):
            node.buffer = views.apply_to_array(base.buffer, self._from_base)
        if node.history and local.capture is None:
            self._view_node = (base, node)
        return node

    def _variable(self) -> Node:
        """The leaf of history that stands for this tensor's content as it is now."""
        cell = self._cell
        if cell.variables is None:
            cell.variables = {}
        node = cell.variables.get(id(self))
        if node is None or node.meta() is not self:
            node = p.variable(views.apply_path(cell.node, self._path))
            node.meta = weakref.ref(self)
            cell.variables[id(self)] = node
        return node

    def _value(self) -> Array:
        """The computed value; it may share the tensor's memory, and must not be written."""
        cell = self._cell
        if cell.escaped:
            raise CaptureError(cell.escaped)
        if local.capture is not None:
            local.capture.note_look(self)
        if cell.node.buffer is None:
            compute([cell.node], [cell])
        return views.apply_to_array(value_of(cell.node), self._path)

    def realize(self) -> Tensor:
        """Compute the value now, if it is pending; gives the tensor itself."""
        self._value()
        return self

    # --- writing ---------------------------------------------------------------------------------

    def _write(self, node: Node, *, fresh: bool = False) -> Tensor:
        """Make `node` this tensor's content, in place.

        Args:
            node: of this tensor's shape and dtype.
            fresh: it does not read the old content, so no chain grows.
        """
        cell = self._cell
        if cell.escaped:
            raise CaptureError(cell.escaped)
        self._prepare_write(fresh=fresh)
        if local.capture is not None:
            local.capture.note_read(cell)
            local.capture.note_write(cell)
        old = cell.node
        if node.device != old.device:
            node = _brought(node, old.device)
        base = views.put(old, self._path, node) if self._path else node
        outside = self._detached or not mode.recording
        if outside:
            base = p.stop_gradient(base)
            if old.history:  # the tensor keeps its place in the graph: only its memory changed
                recording, mode.recording = mode.recording, True
                base = p.substitute(base, old)
                mode.recording = recording
        elif old.history and not base.history:  # nothing of the old content is left: gradient 0
            base = p.select(p.constant(True, dtypes.bool_), base, old)
        if self._data:
            old.overwritten = (cell, cell.version)
        else:
            old.overwritten = COUNTED
            cell.version += 1
        if old.buffer is not None:
            cell.memory = old.buffer
            cell.previous = weakref.ref(old)
        cell.node = base
        cell.variables = None
        cell.written = not (fresh and not self._path)
        if base.site is None:
            base.site = user_site()
        if local.capture is None and cell.is_exposed:  # others see this memory: write it now
            flush()  # what is pending reads the memory as it is
            compute([base])
            np.copyto(cell.memory, base.buffer)
            base.buffer = cell.memory
        elif base.buffer is None and local.capture is None:
            track(cell)
        if state.special:
            compute_now(base)
        return self

    def _prepare_write(self, *, fresh: bool = False) -> None:
        """Refuse a write that is not allowed; and if the last write is still pending, compute
        everything, before a new value is built on it: so loops do not grow chains.
        """
        if mode.recording and not self._detached:
            if self._requires_grad:
                raise GradientError(
                    "a leaf Variable that requires grad is being used in an in-place operation: do "
                    "it within gd.no_grad(), or make a new tensor"
                )
            if self._base is not None and self._base._requires_grad:
                raise GradientError(
                    "a view of a leaf Variable that requires grad is being used in an in-place "
                    "operation: do it within gd.no_grad(), or make a new tensor"
                )
        if self._layout is not None and views.overlaps_itself(*self._layout[:2]):
            raise ShapeError(
                "unsupported operation: more than one element of the written-to tensor refers to a "
                "single memory location. Please clone() the tensor before performing the "
                "operation."
            )
        cell = self._cell
        if cell.written and cell.node.buffer is None and not fresh and local.capture is None:
            flush()

    # --- handles on the same cell ----------------------------------------------------------------

    def _view(self, step: views.Step, shape: Shape, strides: Shape, offset: int) -> Tensor:
        """A view one step further."""
        new = Tensor.__new__(Tensor)
        new._cell = self._cell
        new._plain = False
        new._path = (*self._path, step)
        if self._base is None or self._requires_grad:
            new._base, new._from_base = self, (step,)
        else:
            new._base, new._from_base = self._base, (*self._from_base, step)
        new._layout = (shape, strides, offset)
        new._data = self._data
        new._detached = (self._detached and not self._requires_grad) or not mode.recording
        return new

    def _alias(self) -> Tensor:
        """Another plain handle on the same memory."""
        new = Tensor.__new__(Tensor)
        new._cell = self._cell
        new._path = self._path
        new._base, new._from_base, new._layout = self._base, self._from_base, self._layout
        if self._requires_grad and self._base is not None:
            new._base, new._from_base = self._base, self._from_base
        return new

    def detach(self) -> Tensor:
        """The same memory, without history: no gradient flows back through it."""
        new = self._alias()
        new._plain = False
        new._detached = True
        new._op = None
        return new

    def detach_(self) -> Tensor:
        """Drop this tensor's own history: it becomes a leaf."""
        if self._base is not None:
            raise GradientError("Can't detach views in-place. Use detach() instead.")
        self._cell.node = p.stop_gradient(self._cell.node)
        self._cell.variables = None
        self._requires_grad = False
        state.structure += 1
        self._plain = not self._detached
        self._op = None
        return self

    @property
    def data(self) -> Tensor:
        """The same memory, without history, whose in-place writes backward() does not know of."""
        new = self.detach()
        new._data = True
        return new

    @data.setter
    def data(self, other: Tensor) -> None:
        if not isinstance(other, Tensor):
            raise ArgumentTypeError(
                f"Variable data has to be a tensor, but got {type(other).__name__}"
            )
        if self._requires_grad and not other.dtype.is_floating_point:
            raise DTypeError(
                f"data set to a tensor that requires gradients must be floating point, "
                f"got {other.dtype.name}"
            )
        if local.capture is not None:
            local.capture.give_up("the memory of a tensor is exchanged (`.data = ...`)")
        self._cell = other._cell
        state.structure += 1
        self._path, self._layout = other._path, other._layout
        self._base, self._from_base = other._base, other._from_base
        self._view_node = None
        self._plain = not (self._requires_grad or self._detached or self._base is not None)

    # --- what it is ------------------------------------------------------------------------------

    @property
    def shape(self) -> Size:
        """Sizes of the dimensions."""
        layout = self._layout
        return Size(self._cell.node.shape if layout is None else layout[0])

    @property
    def dtype(self) -> DType:
        """Element type."""
        found: DType = self._cell.node.dtype
        return found

    @property
    def device(self) -> Device:
        """Where it lives."""
        place = self._cell.node.device
        return CPU if place in ("cpu", p.ANYWHERE) else Device(place)

    @property
    def ndim(self) -> int:
        return len(self._cell.node.shape if self._layout is None else self._layout[0])

    def dim(self) -> int:
        """Number of dimensions."""
        return self.ndim

    ndimension = dim

    def size(self, dim: int | None = None) -> Any:
        """The shape, or one of its sizes."""
        if dim is None:
            return self.shape
        shape = self.shape
        if not -max(len(shape), 1) <= dim < max(len(shape), 1) or not shape:
            from gradatim.ops.arguments import dim_error

            raise dim_error(dim, len(shape))
        return shape[dim]

    def numel(self) -> int:
        """Number of elements."""
        return self.shape.numel()

    nelement = numel

    def __len__(self) -> int:
        shape = self.shape
        if not shape:
            raise ArgumentTypeError("len() of a 0-d tensor")
        return int(shape[0])

    def _strides(self) -> Shape:
        if self._layout is not None:
            return self._layout[1]
        return self._cell.strides or views.contiguous_strides(self._cell.node.shape)

    def stride(self, dim: int | None = None) -> Any:
        """How many elements of memory one step along each dimension (or along `dim`) is."""
        strides = self._strides()
        if dim is None:
            return strides
        from gradatim.ops.arguments import wrap_dim

        return strides[wrap_dim(dim, self.ndim)]

    def storage_offset(self) -> int:
        """Where in its base's memory this tensor begins, in elements."""
        return self._layout[2] if self._layout is not None else 0

    def is_contiguous(self, memory_format: Any = None) -> bool:
        """Whether the elements lie in memory without gaps, in row-major order or in that of a
        format such as `gd.channels_last`."""
        return lies_in(tuple(self.shape), self._strides(), memory_format)

    def element_size(self) -> int:
        """Bytes of one element."""
        return int(self.dtype.itemsize)

    @property
    def itemsize(self) -> int:
        return int(self.dtype.itemsize)

    @property
    def nbytes(self) -> int:
        return int(self.dtype.itemsize * self.numel())

    def is_floating_point(self) -> bool:
        return self.dtype.is_floating_point

    @property
    def is_cuda(self) -> bool:
        """Whether it lives on a GPU."""
        return self.device.type == "gpu"

    @property
    def is_sparse(self) -> bool:
        return False

    @property
    def layout(self) -> Layout:
        return strided

    def data_ptr(self) -> int:
        """The address of the first element. A parameter's stays the same through training."""
        self.realize()
        buffer = self._cell.node.buffer
        if type(buffer) is not np.ndarray:
            return int(buffer.address)
        view = views.apply_to_array(buffer, self._path)
        return int(view.__array_interface__["data"][0])

    @property
    def _version(self) -> int:
        return self._cell.version

    # --- history ---------------------------------------------------------------------------------

    def _history(self) -> int:
        if self._detached:
            return int(self._requires_grad)
        if self._base is not None:
            return int(self._requires_grad) or self._base._history() or self._cell.node.history
        return int(self._requires_grad) or self._cell.node.history

    @property
    def requires_grad(self) -> bool:
        """Whether a gradient is computed for this tensor, or flows through it."""
        return self._requires_grad or self._history() != NONE

    @requires_grad.setter
    def requires_grad(self, wanted: bool) -> None:
        self.requires_grad_(wanted)

    def requires_grad_(self, requires_grad: bool = True) -> Any:
        """Say whether this leaf wants a gradient; gives the tensor itself."""
        if not requires_grad:
            if not self.is_leaf:
                raise GradientError(
                    "you can only change requires_grad flags of leaf variables. If you want to use "
                    "a computed variable in a subgraph that doesn't require differentiation use "
                    "var_no_grad = var.detach()."
                )
            self._requires_grad = False
            self._plain = not (self._detached or self._base is not None)
            state.structure += 1
            return self
        if not self.dtype.is_floating_point:
            raise DTypeError(
                f"only Tensors of floating point dtype can require gradients, got {self.dtype.name}"
            )
        if self.is_leaf and not self._requires_grad:
            self._requires_grad = True
            self._plain = False
            state.structure += 1
        return self

    @property
    def volatile(self) -> bool:
        """Always False: PyTorch has `no_grad` for it since 2018."""
        return False

    @property
    def is_leaf(self) -> bool:
        """Whether it was made by the user and not by an operation on tensors with gradients."""
        return self._requires_grad or self._history() == NONE

    @property
    def grad(self) -> Tensor | None:
        """The gradient that backward() has added up for this leaf, or None."""
        return self._grad

    @grad.setter
    def grad(self, value: Tensor | None) -> None:
        if value is not None:
            if not isinstance(value, Tensor):
                raise ArgumentTypeError(
                    f"assigned grad expected to be a Tensor or None but got grad of type "
                    f"{type(value).__name__}"
                )
            if value is self:
                raise GradientError("can't assign Variable as its own grad")
            if value.shape != self.shape:
                raise ShapeError(
                    f"assigned grad has data of a different size: {list(value.shape)} for a tensor "
                    f"of size {list(self.shape)}"
                )
            if value.dtype is not self.dtype:
                raise DTypeError(
                    f"assigned grad has data of a different type: {value.dtype.name} for a tensor "
                    f"of {self.dtype.name}"
                )
        if local.capture is not None:
            local.capture.note_grad(self, cleared=True)
        self._grad = value

    @property
    def grad_fn(self) -> GradFn | None:
        """What made this tensor, or None for a leaf."""
        if self.is_leaf:
            return None
        from gradatim.autograd import GradFn

        return GradFn(self._op, self._read())

    def backward(
        self,
        gradient: Tensor | None = None,
        retain_graph: bool | None = None,
        create_graph: bool = False,
        inputs: Any = None,
    ) -> None:
        """Add the gradient of this tensor to the `.grad` of every leaf it was computed from.

        Args:
            gradient: what is multiplied into it (vector-Jacobian product), of this tensor's shape.
                Needed unless the tensor has one element.
            retain_graph: keep the history, for another backward().
            create_graph: make the gradients differentiable themselves.
            inputs: only these leaves.

        Raises:
            GradientError: without history, for a second time, or after a needed value was
                overwritten.
        """
        from gradatim.autograd import backward

        backward(self, gradient, retain_graph, create_graph, inputs)

    def register_hook(self, hook: Callable[[Tensor], Tensor | None]) -> Any:
        """Call `hook(grad)` once the gradient of this tensor is known; what it gives replaces
        it."""
        from gradatim.autograd import register_hook

        return register_hook(self, hook)

    def register_post_accumulate_grad_hook(self, hook: Callable[[Tensor], None]) -> Any:
        """Call `hook(tensor)` after backward() has added to this leaf's `.grad`."""
        from gradatim.autograd import register_after_accumulate

        return register_after_accumulate(self, hook)

    def retain_grad(self) -> None:
        """Keep `.grad` of this tensor too, though it is not a leaf."""
        from gradatim.autograd import retain_grad

        retain_grad(self)

    @property
    def retains_grad(self) -> bool:
        return self._retains_grad

    # --- looking at values -----------------------------------------------------------------------

    def item(self) -> Any:
        """The value of a tensor with one element, as a Python number."""
        if self.numel() != 1:
            raise ShapeError(
                f"a Tensor with {self.numel()} elements cannot be converted to Scalar: use "
                f"tolist(), or reduce it first"
            )
        return self._value().reshape(()).item()

    def tolist(self) -> Any:
        """Nested lists of Python numbers (a number for a 0-d tensor)."""
        array = self._value()
        return (
            array.astype(np.float32).tolist() if self.dtype is dtypes.bfloat16 else array.tolist()
        )

    def numpy(self, *, force: bool = False) -> Array:
        """An array that shares this tensor's memory: writing to one writes to both."""
        if not force and self.requires_grad:
            raise GradientError(
                "Can't call numpy() on Tensor that requires grad. Use tensor.detach().numpy() "
                "instead."
            )
        if self.dtype is dtypes.bfloat16:
            raise ArgumentTypeError("Got unsupported ScalarType BFloat16: cast with .float() first")
        return self._expose()

    def _expose(self) -> Array:
        """The memory itself, handed out: from now on writes to it happen at once."""
        if local.capture is not None:
            local.capture.note_look(self)
        cell = self._cell
        if cell.escaped:
            raise CaptureError(cell.escaped)
        if cell.node.device not in ("cpu", p.ANYWHERE):
            raise ArgumentTypeError(
                f"can't convert {cell.node.device} device type tensor to numpy. Use Tensor.cpu() "
                f"to copy the tensor to host memory first."
            )
        if cell.exposure is None or not cell.is_exposed:
            if state.cells:
                flush()  # what is pending reads the content as it is now
            value_of(cell.node)
            owner = _Shared(cell.node.buffer)
            cell.exposure = weakref.ref(owner)
            state.exposures += 1
        else:
            found = cell.exposure()
            owner = found if isinstance(found, _Shared) else _Shared(cell.node.buffer)
        return views.apply_to_array(np.asarray(owner), self._path)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Array:
        if self.requires_grad:
            raise GradientError(
                "Can't call numpy() on Tensor that requires grad. Use tensor.detach().numpy() "
                "instead."
            )
        array = self._value() if copy else self._expose()
        if dtype is not None and np.dtype(dtype) != array.dtype:
            return array.astype(dtype)
        return array.copy() if copy else array

    def __dlpack__(
        self, /, *, stream: Any = None, max_version: tuple[int, int] | None = None,
        dl_device: tuple[int, int] | None = None, copy: bool | None = None,
    ) -> Any:  # fmt: skip
        """The memory as a DLPack capsule, for another library's `from_dlpack`."""
        if self.requires_grad:
            raise GradientError("Can't export tensors that require gradient, use tensor.detach()")
        options = {"max_version": max_version, "dl_device": dl_device, "copy": copy}
        given: Any = {name: value for name, value in options.items() if value is not None}
        return self._expose().__dlpack__(stream=stream, **given)

    def __array_namespace__(self, /, *, api_version: str | None = None) -> Any:
        """The namespace of the array API standard: `gradatim.array_api`."""
        if api_version is not None and api_version not in (
            "2021.12", "2022.12", "2023.12", "2024.12",
        ):  # fmt: skip
            raise ArgumentError(
                f"version {api_version} of the array API standard is not known: gradatim.array_api "
                f"has 2024.12"
            )
        import gradatim.array_api

        return gradatim.array_api

    def to_device(self, device: Any, /, *, stream: Any = None) -> Tensor:
        """The tensor on another device, as the array API standard has it."""
        return self.to(device=device)  # type: ignore[no-any-return]

    def __dlpack_device__(self) -> tuple[int, int]:
        return (1, 0)

    def __bool__(self) -> bool:
        count = self.numel()
        if count != 1:
            kind = "no values" if count == 0 else "more than one value"
            advice = "" if count == 0 else ": say which is meant with .any() or .all()"
            raise ShapeError(f"Boolean value of Tensor with {kind} is ambiguous{advice}")
        return bool(self._value().reshape(()))

    def __float__(self) -> float:
        return float(self._number())

    def __int__(self) -> int:
        return int(self._number())

    def __complex__(self) -> complex:
        return complex(self._number())

    def _number(self) -> Any:
        if self.numel() != 1:
            raise ArgumentError(
                f"only one element tensors can be converted to Python scalars, and this one has "
                f"{self.numel()}"
            )
        return self.item()

    def __index__(self) -> int:
        if self.numel() != 1 or self.dtype.is_floating_point:
            raise ArgumentTypeError(
                f"only integer tensors of a single element can be converted to an index, got "
                f"{self.dtype} of shape {list(self.shape)}"
            )
        return int(self.item())

    def __iter__(self) -> Iterator[Tensor]:
        if self.ndim == 0:
            raise ArgumentTypeError("iteration over a 0-d tensor")
        return iter(self.unbind(0))

    def __contains__(self, element: Any) -> bool:
        found = self == element
        if not isinstance(found, Tensor):
            raise ArgumentError(f"`in` expects a Tensor or a number, got {type(element).__name__}")
        return bool(found.any())

    def __repr__(self) -> str:
        from gradatim.printing import tensor_repr

        return tensor_repr(
            self._value(),
            self.dtype,
            requires_grad=self._requires_grad,
            grad_fn=self.grad_fn.name() if self.grad_fn is not None else None,
            is_default_dtype=self.dtype in (dtypes.get_default_dtype(), dtypes.int64, dtypes.bool_),
            device=str(self.device),
            prefix="tensor(" if type(self) is Tensor else f"{type(self).__name__}(",
        )

    def __format__(self, spec: str) -> str:
        if self.ndim == 0:
            return format(self.item(), spec)
        return object.__format__(self, spec) if spec else repr(self)

    # --- copies ----------------------------------------------------------------------------------

    def __deepcopy__(self, memo: dict[int, Any]) -> Any:
        if id(self) in memo:
            return memo[id(self)]
        if not self.is_leaf:
            raise GradientError(
                "Only Tensors created explicitly by the user (graph leaves) support the deepcopy "
                "protocol at the moment: detach() it first"
            )
        new = type(self).__new__(type(self))
        place = self._cell.node.device or "cpu"
        buffer = engine_of(place).from_host(self._value().copy(), place)
        new._cell = Cell(p.value(buffer, tuple(self.shape), self.dtype, place))
        if self._requires_grad:
            new._requires_grad, new._plain = True, False
        memo[id(self)] = new
        if self._grad is not None and not self._grad._cell.escaped:
            new._grad = self._grad.__deepcopy__(memo)
        for name, attribute in self.__dict__.items():
            if not name.startswith("_"):
                import copy

                new.__dict__[name] = copy.deepcopy(attribute, memo)
        return new

    def __reduce_ex__(self, protocol: Any) -> Any:
        array = self._value().copy()
        if self.dtype is dtypes.bfloat16:
            array = array.view(np.uint16)
        extra = {k: v for k, v in self.__dict__.items() if not k.startswith("_")}
        return _rebuild, (type(self), array, self.dtype, self._requires_grad, extra)

    def __setstate__(self, state_: Any) -> None:
        self.__dict__.update(state_)

    if TYPE_CHECKING:  # the methods that `ops/` hangs on

        def __getattr__(self, name: str) -> Any: ...

    else:

        def __getattr__(self, name):  # of what is not there
            if name.startswith("__"):
                raise AttributeError(name)
            raise MissingName(
                f"'{type(self).__name__}' object has no attribute '{name}'",
                name,
                functools.partial(_say_missing, type(self), name),
            )


class _Shared:
    """Owns a tensor's memory on behalf of arrays outside: it lives as long as any of them."""

    def __init__(self, buffer: Array):
        self.buffer = buffer
        self.__array_interface__ = buffer.__array_interface__


def _say_missing(cls: type[Tensor], name: str) -> str:
    near = nearest(name, (each for each in dir(cls) if not each.startswith("_")))
    text = f"'{cls.__name__}' object has no attribute '{name}'"
    return f"{text}: the nearest is '{near}'" if near else text


def _rebuild(cls: type[Tensor], array: Array, dtype: DType, requires_grad: bool, extra: Any) -> Any:
    new = cls.__new__(cls)
    new._cell = Cell(p.value(array.view(dtype.numpy), array.shape, dtype))
    if requires_grad:
        new._requires_grad, new._plain = True, False
    new.__dict__.update(extra)
    return new


# --- making tensors ------------------------------------------------------------------------------


class _Outside(dict[str, bool]):
    """Of a file's name: whether it is none of this package's."""

    def __missing__(self, name: str) -> bool:
        found = self[name] = not name.startswith(_PACKAGE)
        return found


_is_outside = _Outside()


def user_site() -> tuple[Any, int] | None:
    """The user's line that is running: the nearest frame outside this package."""
    frame: Any = sys._getframe(2)
    while frame is not None:
        code = frame.f_code
        if _is_outside[code.co_filename]:
            return code, frame.f_lasti
        frame = frame.f_back
    return None


_new_object: Any = object.__new__
_new_reference = weakref.ref


def content(tensor: Tensor) -> Node:
    """The Node of a tensor's content, without history: what an update under `no_grad` reads."""
    cell = tensor._cell
    if (
        tensor._layout is None
        and cell.exposure is None
        and cell.escaped is None
        and local.capture is None
    ):
        return cell.node
    return tensor._read()


def handle(node: Node) -> Tensor:
    """A tensor to read `node` by. Nothing waits for it: it is for calling a function on Nodes."""
    new: Tensor = _new_object(Tensor)
    new._cell = Cell(node)
    return new


def _brought(node: Node, place: str) -> Node:
    """What is written to a tensor, on the tensor's device."""
    if place in ("cpu", p.ANYWHERE) and node.device in ("cpu", p.ANYWHERE):
        return node
    if node.device == p.ANYWHERE:
        return Node(p.COPY, (node,), (), node.shape, node.dtype, place)
    return moved(node, place or "cpu")


def wrap(node: Node, name: str | None = None) -> Tensor:
    """A tensor whose content is `node`: how every operation ends. It remembers the public
    operation's name.

    It is called for every operation, and so does itself what `user_site` and `track` do.
    """
    new: Tensor = _new_object(Tensor)
    cell: Cell = _new_object(Cell)
    new._cell = cell
    cell.node = node
    if name is not None:
        new._op = name
    if node.buffer is None:
        if node.site is None:
            frame: Any = sys._getframe(1)
            while frame is not None:
                code = frame.f_code
                if _is_outside[code.co_filename]:
                    node.site = (code, frame.f_lasti)
                    break
                frame = frame.f_back
        if local.capture is not None or state.made >= state.limit:
            track(cell)
        else:
            state.made += 1
            state.cells.append(_new_reference(cell))
    elif local.capture is not None:
        local.capture.note_created(cell)
    if state.special:
        compute_now(node)
    return new


named = wrap


def from_array(array: Array, dtype: DType | None = None) -> Tensor:
    """A tensor with an array as its (unshared) content."""
    array = np.ascontiguousarray(array).reshape(array.shape)
    dtype = dtype or dtypes.from_numpy_dtype(array.dtype)
    if array.dtype != dtype.numpy:
        array = array.astype(dtype.numpy)
    hold(array.nbytes)
    return wrap(p.value(array, array.shape, dtype))


F = TypeVar("F", bound=Callable[..., Any])

METHODS: dict[str, Callable[..., Any]] = {}


def op(name: str) -> Callable[[F], F]:
    """Mark a public operation: its results remember `name`, and say `grad_fn=<{name}Backward0>`.

    The outermost operation wins: a loss made of ten operations is a loss.
    """

    def decorate(function: F) -> F:
        @functools.wraps(function)
        def call(*args: Any, **kwargs: Any) -> Any:
            result = function(*args, **kwargs)
            if isinstance(result, Tensor):
                if not args or result is not args[0]:
                    result._op = name
            elif isinstance(result, tuple):
                for each in result:
                    if isinstance(each, Tensor):
                        each._op = name
            return result

        return call  # type: ignore[return-value]

    return decorate


def method(*names: str) -> Callable[[F], F]:
    """Hang a function on Tensor as a method of the same name, and of the given ones."""

    def decorate(function: F) -> F:
        for name in names or (function.__name__,):
            METHODS[name] = function
            setattr(Tensor, name, function)
        return function

    return decorate


def not_a_tensor(value: Any, where: str) -> NoReturn:
    raise ArgumentTypeError(
        f"{where} expects a Tensor, got {type(value).__name__}: make one with gd.tensor(...)"
    )


__all__ = ["CPU", "Device", "Size", "Tensor", "from_array", "method", "named", "op", "wrap"]
