"""PyTorch's names: Gradatim's own, and what only PyTorch has.

Tensors, layers and functions are Gradatim's own objects (`torch.Tensor is gradatim.Tensor`), so a
program pays nothing for the names it uses. Here is only what differs: the types of 2018, GPUs,
files, and switches of what is not here.

Example:
    >>> import gradatim.frontends.torch as torch
    >>> from gradatim.frontends.torch.autograd import Variable
    >>> x = Variable(torch.FloatTensor([1, 2]), requires_grad=True)
    >>> loss = (x * x).sum()
    >>> loss.backward()
    >>> loss.data[0], x.grad.data
    (5.0, tensor([2., 4.]))
"""

from gradatim.frontends.names import look_in, make_rooms
from gradatim.frontends.torch import legacy as _legacy
from gradatim.frontends.torch.hints import HINTS as _HINTS
from gradatim.frontends.torch.rooms import ROOMS as _ROOMS

__version__ = "2.13.0+gradatim"

_PLACES = [
    "gradatim.frontends.torch.legacy",
    "gradatim.frontends.torch.files",
    "gradatim.frontends.torch.compiling",
    "gradatim.frontends.torch.amp",
    "gradatim",
]

make_rooms(__name__, "torch", _ROOMS)
_LATER = ["amp", "backends", "cuda", "jit", "mps", "version", "xpu"]
__getattr__, __dir__ = look_in("torch", globals(), _PLACES, _HINTS, _LATER)

del look_in, make_rooms
