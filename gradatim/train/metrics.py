"""The metrics that a `Trainer` finds by name. What they are: `gradatim.metrics`."""

from __future__ import annotations

from gradatim.graph.errors import ArgumentError
from gradatim.metrics.classification import F1, Accuracy, Precision, Recall
from gradatim.metrics.metric import Metric
from gradatim.metrics.probabilities import LogLoss, Perplexity
from gradatim.metrics.regression import MAE, MSE, R2, RMSE

METRICS: dict[str, type[Metric]] = {
    metric.name: metric
    for metric in (Accuracy, MAE, RMSE, R2, MSE, Precision, Recall, F1, LogLoss, Perplexity)
}


def find_metric(metric: str | Metric) -> Metric:
    """The metric of that name, or the metric itself."""
    if isinstance(metric, Metric):
        return metric
    if metric not in METRICS:
        raise ArgumentError(
            f"there is no metric {metric!r}: choose from {', '.join(METRICS)}, "
            "or give an object with sums() and value()"
        )
    return METRICS[metric]()
