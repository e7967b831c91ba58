"""Derivatives of functions under the names of `torch.autograd.functional`: jacobian, hessian, vjp,
jvp, hvp, vhp.

They take a function of tensors, and one tensor or a tuple of them to differentiate at. All have
`create_graph`, which makes the result differentiable (with respect to inputs that require a
gradient too), and `strict`, which makes an error of an output that does not depend on an input,
where else there are zeros. (`gd.func` has the same as functions of functions.)
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from gradatim import ops
from gradatim.autograd.recording import enable_grad
from gradatim.autograd.reverse import grad_of_tensors
from gradatim.func.forward import jvp as forward_jvp
from gradatim.func.jacobians import jacfwd
from gradatim.func.vmap import vmap
from gradatim.graph.errors import ArgumentError, ArgumentTypeError, GradientError, Unsupported
from gradatim.tensor import Tensor

__all__ = ["hessian", "hvp", "jacobian", "jvp", "vhp", "vjp"]

Tensors = tuple[Tensor, ...]


# --- arguments and results -----------------------------------------------------------------------


def _tuple(given: Any, what: str, function: str) -> tuple[Tensors, bool]:
    """As a tuple of tensors, and whether it was one."""
    is_tuple = isinstance(given, tuple)
    found = given if is_tuple else (given,)
    for each in found:
        if not isinstance(each, Tensor):
            kind = f"has type {type(given)}" if not is_tuple else f"contains a {type(each)}"
            raise ArgumentTypeError(
                f"The {what} given to {function} must be either a Tensor or a tuple of Tensors but "
                f"the given {what} {kind}."
            )
    return found, is_tuple


def _leaves(inputs: Tensors, create_graph: bool) -> Tensors:
    """What the function gets: views of the inputs that hand gradients on, or new leaves."""
    if create_graph:
        return tuple(
            x.view_as(x) if x.requires_grad else x.detach().requires_grad_() for x in inputs
        )
    return tuple(x.detach().requires_grad_() for x in inputs)


def _run(
    func: Callable[..., Any], inputs: Any, function: str, create_graph: bool
) -> tuple[Tensors, bool, Tensors, bool]:
    """The opened inputs and the outputs, and whether each was a tuple."""
    given, inputs_are_tuple = _tuple(inputs, "inputs", function)
    opened = _leaves(given, create_graph)
    outputs, outputs_are_tuple = _tuple(
        func(*opened), "outputs of the user-provided function", function
    )
    return opened, inputs_are_tuple, outputs, outputs_are_tuple


def _grads(
    outputs: Sequence[Tensor], inputs: Sequence[Tensor], arrives: Any, create_graph: bool
) -> tuple[Tensor | None, ...]:
    """Gradients; None for an input that no output depends on."""
    pairs = [(out, g) for out, g in zip(outputs, arrives) if out.requires_grad]
    if not pairs:
        return (None,) * len(inputs)
    return grad_of_tensors(
        [out for out, _ in pairs], list(inputs), [g for _, g in pairs],
        retain_graph=True, create_graph=create_graph, allow_unused=True,
    )  # fmt: skip


def _filled(
    grads: Sequence[Tensor | None], like: Sequence[Tensor], strict: bool, message: str
) -> Tensors:
    """Zeros in place of what is None; with `strict` an error."""
    made = []
    for k, (g, x) in enumerate(zip(grads, like)):
        if g is None:
            if strict:
                raise GradientError(message.format(k))
            g = ops.zeros_like(x)
        made.append(g)
    return tuple(made)


def _independent(outputs: Sequence[Tensor]) -> None:
    for k, out in enumerate(outputs):
        if not out.requires_grad:
            raise GradientError(
                f"Output {k} of the user-provided function does not require gradients. The outputs "
                f"must be computed in a differentiable manner from the input when running in "
                f"strict mode."
            )


def _constant_jacobian(jacobian: Sequence[Tensor]) -> None:
    for k, g in enumerate(jacobian):
        if not g.requires_grad:
            raise GradientError(
                f"The jacobian of the user-provided function is independent of input {k}. This is "
                f"not allowed in strict mode when create_graph=True."
            )


_UNUSED = (
    "The user-provided function is independent of input {}. This is not allowed in strict mode."
)
_FLAT = (
    "While computing the hessian, found that the jacobian of the user-provided function with "
    "respect to input {} is independent of the input. This is not allowed in strict mode. You "
    "should ensure that your function is twice differentiable"
)


def _vector(v: Any, like: Tensors, is_tuple: bool, what: str) -> Tensors:
    """The vector of a product, checked; None stands for 1 where `like` is one number."""
    if v is None:
        if len(like) != 1 or like[0].numel() != 1:
            raise GradientError(
                f"The vector v can only be None if {what} a single Tensor with a single element."
            )
        return (ops.ones_like(like[0]),)
    found, _ = _tuple(v, "v", "the product")
    if len(found) != len(like):
        raise GradientError(
            f"v is a tuple of invalid length: should be {len(like)} but got {len(found)}."
        )
    for k, (each, x) in enumerate(zip(found, like)):
        if each.shape != x.shape:
            place = f"Entry {k} in " if is_tuple else ""
            raise GradientError(
                f"{place}v has invalid size: should be {x.shape} but got {each.shape}."
            )
    return found


def _answer(tensors: Sequence[Tensor], is_tuple: bool, create_graph: bool) -> Any:
    made = tuple(x if create_graph else x.detach() for x in tensors)
    return made if is_tuple else made[0]


# --- products ------------------------------------------------------------------------------------


def vjp(
    func: Callable[..., Any], inputs: Any, v: Any = None, create_graph: bool = False,
    strict: bool = False,
) -> tuple[Any, Any]:  # fmt: skip
    """`(func(*inputs), vᵀJ)`: the product of `v`, of the outputs' shapes, with the Jacobian.

    Example:
        >>> import gradatim as gd
        >>> gd.autograd.functional.vjp(gd.exp, gd.zeros(2), gd.tensor([1.0, 2.0]))
        (tensor([1., 1.]), tensor([1., 2.]))
    """
    with enable_grad():
        opened, in_tuple, outputs, out_tuple = _run(func, inputs, "vjp", create_graph)
        if strict:
            _independent(outputs)
        vector = _vector(v, outputs, out_tuple, "the user-provided function returns")
        found = _grads(outputs, opened, vector, create_graph)
        product = _filled(found, opened, strict, _UNUSED)
        if strict and create_graph:
            _constant_jacobian(product)
    return _answer(outputs, out_tuple, create_graph), _answer(product, in_tuple, create_graph)


def jvp(
    func: Callable[..., Any], inputs: Any, v: Any = None, create_graph: bool = False,
    strict: bool = False,
) -> tuple[Any, Any]:  # fmt: skip
    """`(func(*inputs), J v)`: the product of the Jacobian with `v`, of the inputs' shapes, by
    forward mode.

    Example:
        >>> import gradatim as gd
        >>> gd.autograd.functional.jvp(gd.exp, gd.zeros(2), gd.tensor([1.0, 2.0]))
        (tensor([1., 1.]), tensor([1., 2.]))
    """
    given, in_tuple = _tuple(inputs, "inputs", "jvp")
    with enable_grad():
        vector = _vector(v, given, in_tuple, "the input to the user-provided function is")
        if strict:  # told by reverse mode
            opened, _, outputs, _ = _run(func, inputs, "jvp", create_graph)
            _independent(outputs)
            for out in outputs:
                found = _grads([out], opened, [ops.ones_like(out)], create_graph)
                jacobian = _filled(found, opened, True, _UNUSED)
                if create_graph:
                    _constant_jacobian(jacobian)
        out_tuple = False

        def checked(*args: Tensor) -> Tensors:
            nonlocal out_tuple
            outputs, out_tuple = _tuple(func(*args), "outputs of the user-provided function", "jvp")
            return outputs

        opened = _leaves(given, True) if create_graph else tuple(x.detach() for x in given)
        outputs, product = forward_jvp(checked, opened, vector)
    return _answer(outputs, out_tuple, create_graph), _answer(product, out_tuple, create_graph)


def _one_number(outputs: Tensors, out_tuple: bool, function: str) -> Tensor:
    if out_tuple or outputs[0].numel() != 1:
        got = "a tuple" if out_tuple else f"shape {list(outputs[0].shape)}"
        raise GradientError(
            f"The Tensor returned by the function given to {function} should contain a single "
            f"element: got {got}"
        )
    return outputs[0]


def vhp(
    func: Callable[..., Any], inputs: Any, v: Any = None, create_graph: bool = False,
    strict: bool = False,
) -> tuple[Any, Any]:  # fmt: skip
    """`(func(*inputs), vᵀH)`: the product of `v` with the Hessian of a function that gives one
    number.

    Example:
        >>> import gradatim as gd
        >>> x, v = gd.tensor([1.0, 2.0]), gd.tensor([1.0, 0.0])
        >>> gd.autograd.functional.vhp(lambda p: (p ** 3).sum(), x, v)
        (tensor(9.), tensor([6., 0.]))
    """
    return _hessian_product("vhp", func, inputs, v, create_graph, strict)


def hvp(
    func: Callable[..., Any], inputs: Any, v: Any = None, create_graph: bool = False,
    strict: bool = False,
) -> tuple[Any, Any]:  # fmt: skip
    """`(func(*inputs), H v)`: as `vhp`, whose product is the same wherever the second derivatives
    are continuous.

    Example:
        >>> import gradatim as gd
        >>> x, v = gd.tensor([1.0, 2.0]), gd.tensor([1.0, 0.0])
        >>> gd.autograd.functional.hvp(lambda p: p.prod() ** 2, x, v)
        (tensor(4.), tensor([8., 8.]))
    """
    return _hessian_product("hvp", func, inputs, v, create_graph, strict)


def _hessian_product(
    name: str, func: Callable[..., Any], inputs: Any, v: Any, create_graph: bool, strict: bool
) -> tuple[Any, Any]:
    with enable_grad():
        opened, in_tuple, outputs, out_tuple = _run(func, inputs, name, create_graph)
        vector = _vector(v, opened, in_tuple, "the input to the user-provided function is")
        output = _one_number(outputs, out_tuple, name)
        if strict:
            _independent(outputs)
        first = _grads([output], opened, [ops.ones_like(output)], True)
        jacobian = _filled(first, opened, strict, _UNUSED)
        found = _grads(jacobian, opened, vector, create_graph)
        product = _filled(found, opened, strict, _FLAT)
    return _answer(outputs, out_tuple, create_graph), _answer(product, in_tuple, create_graph)


# --- matrices ------------------------------------------------------------------------------------


def jacobian(
    func: Callable[..., Any],
    inputs: Any,
    create_graph: bool = False,
    strict: bool = False,
    vectorize: bool = False,
    strategy: str = "reverse-mode",
) -> Any:
    """The Jacobian: for an output of shape `out` and an input of shape `in` a tensor
    `(*out, *in)`; a tuple of these for several inputs, a tuple of tuples for several outputs.

    Args:
        vectorize: compute all rows at once, by vmap.
        strategy: "reverse-mode", or with `vectorize` "forward-mode", which is faster where there
            are more outputs than inputs.

    Example:
        >>> import gradatim as gd
        >>> gd.autograd.functional.jacobian(lambda x: x * x.sum(), gd.tensor([1.0, 2.0]))
        tensor([[4., 1.],
                [2., 5.]])
    """
    _check_strategy(strict, vectorize, strategy)
    with enable_grad():
        if strategy == "forward-mode":
            return _forward_jacobian(func, inputs, create_graph)
        opened, in_tuple, outputs, out_tuple = _run(func, inputs, "jacobian", create_graph)
        if strict:
            _independent(outputs)
        rows = []
        for out in outputs:
            columns = _rows(out, opened, create_graph, strict, vectorize)
            if strict and create_graph:
                _constant_jacobian(columns)
            rows.append(_answer(columns, in_tuple, create_graph))
    return tuple(rows) if out_tuple else rows[0]


def _check_strategy(strict: bool, vectorize: bool, strategy: str) -> None:
    if strategy not in ("forward-mode", "reverse-mode"):
        raise ArgumentError(
            f'Expected strategy to be either "forward-mode" or "reverse-mode", got {strategy!r}. '
            f"If there are more outputs than inputs, forward mode is faster"
        )
    if strategy == "forward-mode" and not vectorize:
        raise Unsupported(
            "Computing Jacobian using forward-AD or forward-over-reverse Hessian is only "
            "implemented for `vectorize=True`."
        )
    if strict and vectorize:
        raise GradientError(
            "gradatim.autograd.functional.jacobian: `strict=True` and `vectorized=True` are not "
            "supported together. Please either set `strict=False` or `vectorize=False`."
        )


def _rows(
    out: Tensor, opened: Tensors, create_graph: bool, strict: bool, vectorize: bool
) -> Tensors:
    """The Jacobian of one output with respect to each input."""

    def shaped(x: Tensor, like: Tensor) -> Tensor:
        return x.reshape(*out.shape, *like.shape)

    if vectorize:
        count = out.numel()

        def pull(g: Tensor) -> Tensors:
            return _filled(_grads([out], opened, [g], create_graph), opened, False, "")

        units = ops.eye(count, dtype=out.dtype).reshape(count, *out.shape)
        return tuple(shaped(g, x) for g, x in zip(vmap(pull)(units), opened))
    made: list[list[Tensor]] = [[] for _ in opened]
    for unit in _units(out):
        found = _grads([out], opened, [unit], create_graph)
        for column, g in zip(made, _filled(found, opened, strict, _UNUSED)):
            column.append(g)
    return tuple(
        shaped(ops.stack(column), x) if column else ops.zeros(*out.shape, *x.shape, dtype=x.dtype)
        for column, x in zip(made, opened)
    )


def _units(out: Tensor) -> Iterator[Tensor]:
    whole = ops.eye(out.numel(), dtype=out.dtype)
    for k in range(out.numel()):
        yield whole[k].reshape(out.shape)


def _forward_jacobian(func: Callable[..., Any], inputs: Any, create_graph: bool) -> Any:
    given, in_tuple = _tuple(inputs, "inputs", "jacobian")
    opened = _leaves(given, True) if create_graph else tuple(x.detach() for x in given)
    places = tuple(range(len(opened)))
    out_tuple = False

    def checked(*args: Tensor) -> Tensors:
        nonlocal out_tuple
        outputs, out_tuple = _tuple(
            func(*args), "outputs of the user-provided function", "jacobian"
        )
        return outputs

    found = jacfwd(checked, places)(*opened)
    rows = tuple(_answer(row, in_tuple, create_graph) for row in found)
    return rows if out_tuple else rows[0]


def hessian(
    func: Callable[..., Any],
    inputs: Any,
    create_graph: bool = False,
    strict: bool = False,
    vectorize: bool = False,
    outer_jacobian_strategy: str = "reverse-mode",
) -> Any:
    """The Hessian of a function that gives one number: for an input of shape `in` a tensor
    `(*in, *in)`; for several inputs a tuple of tuples.

    Args:
        vectorize: compute all rows at once, by vmap.
        outer_jacobian_strategy: how the gradient is differentiated: "reverse-mode", or with
            `vectorize` "forward-mode".

    Example:
        >>> import gradatim as gd
        >>> gd.autograd.functional.hessian(lambda x: (x ** 3).sum(), gd.tensor([1.0, 2.0]))
        tensor([[ 6.,  0.],
                [ 0., 12.]])
    """
    _check_strategy(False, vectorize or outer_jacobian_strategy != "forward-mode",
                    outer_jacobian_strategy)  # fmt: skip
    given, in_tuple = _tuple(inputs, "inputs", "hessian")

    def gradient(*args: Tensor) -> Any:
        outputs, out_tuple = _tuple(func(*args), "outputs of the user-provided function", "hessian")
        output = _one_number(outputs, out_tuple, "hessian")
        if strict:
            _independent(outputs)
        if outer_jacobian_strategy == "forward-mode":
            args = tuple(x if x.requires_grad else x.requires_grad_() for x in args)
        found = _filled(
            _grads([output], args, [ops.ones_like(output)], True), args, strict, _UNUSED
        )
        if strict:
            for k, g in enumerate(found):
                if not g.requires_grad:
                    raise GradientError(_FLAT.format(k))
        return found

    found = jacobian(gradient, given, create_graph, strict, vectorize, outer_jacobian_strategy)
    return found if in_tuple else found[0][0]
