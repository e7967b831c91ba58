"""torchvision's names: MNIST from inside the package, and Gradatim's transforms of pictures."""

from gradatim.frontends.names import look_in, make_rooms
from gradatim.frontends.torchvision import datasets as datasets
from gradatim.frontends.torchvision import utils as utils

__version__ = "0.28.0+gradatim"

make_rooms(
    __name__,
    "torchvision",
    {
        "transforms": ["gradatim.data.transforms"],
        "transforms.functional": ["gradatim.data.transforms.functional"],
        "transforms.v2": ["gradatim.data.transforms", "gradatim.frontends.torchvision.second"],
        "transforms.v2.functional": ["gradatim.data.transforms.functional"],
    },
)
_HINTS = {"models": "write the network with torch.nn, and load its weights with torch.load"}
__getattr__, __dir__ = look_in("torchvision", globals(), hints=_HINTS)

del look_in, make_rooms
