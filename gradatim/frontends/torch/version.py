"""torch.version: which PyTorch these names are those of."""

__version__ = "2.13.0"
cuda = hip = git_version = None
