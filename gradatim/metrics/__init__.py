"""Metrics: how good outputs are, over one array or streamed over batches; scikit-learn's numbers.

A metric is a class with `update(outputs, targets)`, `compute()` and `reset()`. For outputs that are
all there is a function of the same name in lower case, `f1(outputs, targets)`. The `Trainer` takes
any of the classes.
"""

from gradatim.metrics.classification import F1, Accuracy, ConfusionMatrix, Precision, Recall
from gradatim.metrics.functions import (
    accuracy,
    confusion_matrix,
    f1,
    log_loss,
    mae,
    mse,
    perplexity,
    precision,
    r2,
    recall,
    rmse,
    roc_auc,
)
from gradatim.metrics.metric import Metric
from gradatim.metrics.probabilities import LogLoss, Perplexity
from gradatim.metrics.ranking import ROCAUC
from gradatim.metrics.regression import MAE, MSE, R2, RMSE

__all__ = [
    "F1",
    "MAE",
    "MSE",
    "R2",
    "RMSE",
    "ROCAUC",
    "Accuracy",
    "ConfusionMatrix",
    "LogLoss",
    "Metric",
    "Perplexity",
    "Precision",
    "Recall",
    "accuracy",
    "confusion_matrix",
    "f1",
    "log_loss",
    "mae",
    "mse",
    "perplexity",
    "precision",
    "r2",
    "recall",
    "rmse",
    "roc_auc",
]
