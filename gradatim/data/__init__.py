"""Data: data sets, loaders, the bundled MNIST, and tables from files."""

from __future__ import annotations

import importlib
from typing import Any

from gradatim.data.audio import read_wav
from gradatim.data.collate import default_collate, default_convert
from gradatim.data.dataset import (
    ChainDataset,
    ConcatDataset,
    Dataset,
    IterableDataset,
    Subset,
    TensorDataset,
    random_split,
)
from gradatim.data.digits import MNIST, MNISTArrays, export_mnist, mnist, to_tensor
from gradatim.data.distributed import DistributedSampler
from gradatim.data.folders import DatasetFolder, ImageFolder
from gradatim.data.images import read_image
from gradatim.data.iris import Iris
from gradatim.data.loader import DataLoader
from gradatim.data.photographs import photograph_patches, photographs
from gradatim.data.preprocessing import TablePreprocessor
from gradatim.data.samplers import (
    BatchSampler,
    RandomSampler,
    Sampler,
    SequentialSampler,
    SubsetRandomSampler,
    WeightedRandomSampler,
)
from gradatim.data.small import BasicMotions, FreeSpokenDigits, JapaneseVowels, UJIIndoorLoc
from gradatim.data.splitting import train_test_split
from gradatim.data.stacking import StackDataset
from gradatim.data.tables import read_table
from gradatim.data.timeseries import read_ts
from gradatim.data.worker import WorkerInfo, get_worker_info
from gradatim.folders import cache_dir

__all__ = [
    "MNIST",
    "BasicMotions",
    "BatchSampler",
    "ChainDataset",
    "ConcatDataset",
    "DataLoader",
    "Dataset",
    "DatasetFolder",
    "DistributedSampler",
    "FreeSpokenDigits",
    "ImageFolder",
    "Iris",
    "IterableDataset",
    "JapaneseVowels",
    "MNISTArrays",
    "RandomSampler",
    "Sampler",
    "SequentialSampler",
    "StackDataset",
    "Subset",
    "SubsetRandomSampler",
    "TablePreprocessor",
    "TensorDataset",
    "UJIIndoorLoc",
    "WeightedRandomSampler",
    "WorkerInfo",
    "cache_dir",
    "default_collate",
    "default_convert",
    "export_mnist",
    "get_worker_info",
    "mnist",
    "photograph_patches",
    "photographs",
    "random_split",
    "read_image",
    "read_table",
    "read_ts",
    "read_wav",
    "to_tensor",
    "train_test_split",
    "transforms",
]


def __getattr__(name: str) -> Any:
    if name == "transforms":  # imported when first named, as few programs need it
        return importlib.import_module("gradatim.data.transforms")
    raise AttributeError(f"module 'gradatim.data' has no attribute {name!r}")
