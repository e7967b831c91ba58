"""torchvision's names: MNIST from inside the package, and the usual transforms of pictures."""

import sys as _sys

from gradatim.frontends.names import look_in
from gradatim.frontends.torchvision import datasets as datasets
from gradatim.frontends.torchvision import transforms as transforms
from gradatim.frontends.torchvision import utils as utils

# The names of `transforms.v2` are those of `transforms`.
transforms.v2 = _sys.modules[f"{transforms.__name__}.v2"] = transforms
transforms.__path__ = []

__version__ = "0.28.0+gradatim"

_HINTS = {"models": "write the network with torch.nn, and load its weights with torch.load"}
__getattr__, __dir__ = look_in("torchvision", globals(), hints=_HINTS)

del look_in
