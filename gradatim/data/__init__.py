"""Data: data sets, loaders, the bundled MNIST, and tables from files."""

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
from gradatim.data.images import read_image
from gradatim.data.loader import DataLoader
from gradatim.data.preprocessing import TablePreprocessor
from gradatim.data.samplers import (
    BatchSampler,
    RandomSampler,
    Sampler,
    SequentialSampler,
    SubsetRandomSampler,
    WeightedRandomSampler,
)
from gradatim.data.splitting import train_test_split
from gradatim.data.tables import read_table
from gradatim.folders import cache_dir

__all__ = [
    "MNIST",
    "BatchSampler",
    "ChainDataset",
    "ConcatDataset",
    "DataLoader",
    "Dataset",
    "IterableDataset",
    "MNISTArrays",
    "RandomSampler",
    "Sampler",
    "SequentialSampler",
    "Subset",
    "SubsetRandomSampler",
    "TablePreprocessor",
    "TensorDataset",
    "WeightedRandomSampler",
    "cache_dir",
    "default_collate",
    "default_convert",
    "export_mnist",
    "mnist",
    "random_split",
    "read_image",
    "read_table",
    "to_tensor",
    "train_test_split",
]
