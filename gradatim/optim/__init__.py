"""Optimizers and learning-rate schedulers, under PyTorch's names.

Each optimizer is one pure function, its paper's equations, and a class that says what the function
needs (see `rule`). A new one is one new file and one line here.
"""

from gradatim.optim import lr_scheduler, swa_utils
from gradatim.optim.adadelta import Adadelta
from gradatim.optim.adafactor import Adafactor
from gradatim.optim.adagrad import Adagrad
from gradatim.optim.adam import Adam, AdamW
from gradatim.optim.adamax import Adamax
from gradatim.optim.asgd import ASGD
from gradatim.optim.lbfgs import LBFGS
from gradatim.optim.muon import Muon
from gradatim.optim.nadam import NAdam
from gradatim.optim.optimizer import Optimizer
from gradatim.optim.radam import RAdam
from gradatim.optim.rmsprop import RMSprop
from gradatim.optim.rprop import Rprop
from gradatim.optim.sgd import SGD

__all__ = [
    "ASGD",
    "LBFGS",
    "SGD",
    "Adadelta",
    "Adafactor",
    "Adagrad",
    "Adam",
    "AdamW",
    "Adamax",
    "Muon",
    "NAdam",
    "Optimizer",
    "RAdam",
    "RMSprop",
    "Rprop",
    "lr_scheduler",
    "swa_utils",
]
