"""Learning-rate schedulers: change `lr` (and some of them momentum) from step to step.

Every rate is equal to PyTorch's to the last bit. Call `scheduler.step()` after `optimizer.step()`,
once an epoch or once a batch, as the schedule is meant.
"""

from gradatim.optim.lr_scheduler.base import LRScheduler, _LRScheduler
from gradatim.optim.lr_scheduler.compose import ChainedScheduler, SequentialLR
from gradatim.optim.lr_scheduler.cosine import CosineAnnealingLR, CosineAnnealingWarmRestarts
from gradatim.optim.lr_scheduler.cycles import CyclicLR, OneCycleLR
from gradatim.optim.lr_scheduler.factors import (
    ConstantLR,
    ExponentialLR,
    LinearLR,
    MultiStepLR,
    PolynomialLR,
    StepLR,
)
from gradatim.optim.lr_scheduler.functions import LambdaLR, MultiplicativeLR
from gradatim.optim.lr_scheduler.plateau import ReduceLROnPlateau

__all__ = [
    "ChainedScheduler",
    "ConstantLR",
    "CosineAnnealingLR",
    "CosineAnnealingWarmRestarts",
    "CyclicLR",
    "ExponentialLR",
    "LRScheduler",
    "LambdaLR",
    "LinearLR",
    "MultiStepLR",
    "MultiplicativeLR",
    "OneCycleLR",
    "PolynomialLR",
    "ReduceLROnPlateau",
    "SequentialLR",
    "StepLR",
    "_LRScheduler",
]
