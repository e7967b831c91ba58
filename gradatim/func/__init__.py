"""Functions of functions, under the names of `torch.func`: derivatives and vectorization.

Example:
    >>> import gradatim as gd
    >>> from gradatim.func import grad, vmap
    >>> loss = lambda weights, x, y: (x @ weights - y) ** 2
    >>> weights, x, y = gd.ones(2), gd.tensor([[1.0, 2.0], [3.0, 4.0]]), gd.tensor([2.0, 8.0])
    >>> vmap(grad(loss), in_dims=(None, 0, 0))(weights, x, y)  # a gradient for each sample
    tensor([[ 2.,  4.],
            [-6., -8.]])
"""

from gradatim.func.forward import jvp, linearize
from gradatim.func.jacobians import hessian, jacfwd, jacrev
from gradatim.func.modules import functional_call, stack_module_state
from gradatim.func.reverse import grad, grad_and_value, vjp
from gradatim.func.vmap import vmap

__all__ = [
    "functional_call",
    "grad",
    "grad_and_value",
    "hessian",
    "jacfwd",
    "jacrev",
    "jvp",
    "linearize",
    "stack_module_state",
    "vjp",
    "vmap",
]
