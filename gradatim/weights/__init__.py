"""PyTorch's weight files, read and written without PyTorch and without running pickles.

archive      the zip file: one record with the structure, one for the numbers of each storage
unpickling   the structure, read by a machine that knows a few opcodes and a few names
rebuilding   what those names mean: tensors from storages, ordered dicts, sizes
pickling     the structure, written
saving       `gd.save`
loading      `load_weights`, the half of `gd.load` that is not about Gradatim's own files
"""

from gradatim.weights.loading import load_weights
from gradatim.weights.saving import save

__all__ = ["load_weights", "save"]
