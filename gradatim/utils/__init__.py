"""Tools under the names of `torch.utils`."""

from gradatim.utils import checkpoint as checkpoint

__all__ = ["checkpoint"]
