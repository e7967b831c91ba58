"""Pictures for learning and teaching. Each is a function that gives a matplotlib figure.

`save(figure, path)` writes PNG or SVG by the path's ending; `gradatim draw NAME` does both.
"""

from gradatim.explain.pictures.activations import activations
from gradatim.explain.pictures.comparison import learning_curves, scores
from gradatim.explain.pictures.digits import digits
from gradatim.explain.pictures.learned import embedding, filters, reconstructions
from gradatim.explain.pictures.learning_rate import (
    descent,
    find_learning_rate,
    learning_rate_finder,
    learning_rates,
)
from gradatim.explain.pictures.network_types import network_types
from gradatim.explain.pictures.perceptron import perceptron_lines
from gradatim.explain.pictures.results import confusion_matrix, training_curves
from gradatim.explain.pictures.returns import returns
from gradatim.explain.pictures.style import can_draw, new_figure, save

__all__ = [
    "activations",
    "can_draw",
    "confusion_matrix",
    "descent",
    "digits",
    "embedding",
    "filters",
    "find_learning_rate",
    "learning_curves",
    "learning_rate_finder",
    "learning_rates",
    "network_types",
    "new_figure",
    "perceptron_lines",
    "reconstructions",
    "returns",
    "save",
    "scores",
    "training_curves",
]
