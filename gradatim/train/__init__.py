"""Training: `Trainer`, metrics, callbacks, runs, and models on disk."""

from gradatim.train.callbacks import Callback, EarlyStopping
from gradatim.train.history import History
from gradatim.train.interrupts import TrainingInterrupted
from gradatim.train.metrics import MAE, R2, RMSE, Accuracy, Metric
from gradatim.train.predictor import Predictor
from gradatim.train.progress import Progress
from gradatim.train.run import Run
from gradatim.train.saved import load, save_model
from gradatim.train.summary import Summary, summary
from gradatim.train.trainer import Trainer

__all__ = [
    "MAE",
    "R2",
    "RMSE",
    "Accuracy",
    "Callback",
    "EarlyStopping",
    "History",
    "Metric",
    "Predictor",
    "Progress",
    "Run",
    "Summary",
    "Trainer",
    "TrainingInterrupted",
    "load",
    "save_model",
    "summary",
]
