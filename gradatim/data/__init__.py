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
from gradatim.data.distributed import DistributedSampler
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
from gradatim.data.stacking import StackDataset
from gradatim.data.tables import read_table
from gradatim.data.worker import WorkerInfo, get_worker_info
from gradatim.folders import cache_dir

__all__ = [
    "MNIST",
    "BatchSampler",
    "ChainDataset",
    "ConcatDataset",
    "DataLoader",
    "Dataset",
    "DistributedSampler",
    "IterableDataset",
    "MNISTArrays",
    "RandomSampler",
    "Sampler",
    "SequentialSampler",
    "StackDataset",
    "Subset",
    "SubsetRandomSampler",
    "TablePreprocessor",
    "TensorDataset",
    "WeightedRandomSampler",
    "WorkerInfo",
    "cache_dir",
    "default_collate",
    "default_convert",
    "export_mnist",
    "get_worker_info",
    "mnist",
    "random_split",
    "read_image",
    "read_table",
    "to_tensor",
    "train_test_split",
]
