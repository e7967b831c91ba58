"""tf.losses: means over a batch, each also kept in the graph's collection of losses."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from gradatim.frontends.names import look_in, own_names
from gradatim.frontends.tensorflow import math, nn
from gradatim.frontends.tensorflow.graph import Tensor, convert, get_default_graph, together
from gradatim.frontends.tensorflow.variables import LOSSES

_sum, _mean = math.NAMES["reduce_sum"], math.NAMES["reduce_mean"]


def _weighted(losses: Tensor, weights: Any) -> Tensor:
    """The mean over all elements; weights of 0 do not count."""
    if isinstance(weights, (int, float)):
        total = _mean(losses) * float(weights)
    else:
        w = math.cast(convert(weights), losses.dtype)
        spread = w * math.NAMES["add"](losses * 0, 1)
        present = math.cast(math.NAMES["not_equal"](spread, 0), losses.dtype)
        total = _sum(losses * w) / math.NAMES["maximum"](_sum(present), 1)
    get_default_graph().add_to_collection(LOSSES, total)
    return total


def _of_pair(function: Callable[[Tensor, Tensor], Tensor], doc: str) -> Callable[..., Tensor]:
    def loss(labels: Any, predictions: Any, weights: Any = 1.0, **options: Any) -> Tensor:
        x = convert(predictions)
        y = convert(labels)
        y = y if y.dtype is x.dtype else math.cast(y, x.dtype)
        return _weighted(function(y, x), weights)

    loss.__doc__ = doc
    return loss


mean_squared_error = _of_pair(math.NAMES["squared_difference"], "The mean squared difference.")
absolute_difference = _of_pair(lambda y, x: math.NAMES["abs"](x - y), "The mean difference.")


def softmax_cross_entropy(
    onehot_labels: Any, logits: Any, weights: Any = 1.0, label_smoothing: float = 0, **options: Any
) -> Tensor:
    """The mean cross entropy of one-hot labels and the softmax of logits."""
    x = convert(logits)
    y = convert(onehot_labels)
    y = y if y.dtype is x.dtype else math.cast(y, x.dtype)
    if label_smoothing:
        y = y * (1 - label_smoothing) + label_smoothing / float((x.sizes or (1,))[-1] or 1)
    return _weighted(nn.softmax_cross_entropy_with_logits_v2(labels=y, logits=x), weights)


def sparse_softmax_cross_entropy(
    labels: Any, logits: Any, weights: Any = 1.0, **options: Any
) -> Tensor:
    """The mean cross entropy of labels (whole numbers) and the softmax of logits."""
    found = nn.sparse_softmax_cross_entropy_with_logits(labels=labels, logits=logits)
    return _weighted(found, weights)


def sigmoid_cross_entropy(
    multi_class_labels: Any, logits: Any, weights: Any = 1.0, **options: Any
) -> Tensor:
    """The mean cross entropy of probabilities and the sigmoid of logits."""
    y, x = together(multi_class_labels, logits)
    y = y if y.dtype is x.dtype else math.cast(y, x.dtype)
    return _weighted(nn.sigmoid_cross_entropy_with_logits(labels=y, logits=x), weights)


def get_losses(scope: str | None = None, **options: Any) -> list[Tensor]:
    """All losses so far."""
    return get_default_graph().get_collection(LOSSES, scope)


def get_regularization_losses(scope: str | None = None) -> list[Tensor]:
    """What regularizers of variables give."""
    return get_default_graph().get_collection("regularization_losses", scope)


def get_total_loss(add_regularization_losses: bool = True, name: str = "total_loss") -> Tensor:
    """The sum of all losses."""
    found = get_losses() + (get_regularization_losses() if add_regularization_losses else [])
    return math.add_n(found, name=name)


__all__ = own_names(__name__)
__getattr__, __dir__ = look_in("tf.losses", globals())
