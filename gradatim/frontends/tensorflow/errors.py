"""tf.errors: the classes that TensorFlow raises, each also one of Gradatim's."""

from __future__ import annotations

from gradatim.graph.errors import Error


class OpError(Error, RuntimeError):
    """Something that went wrong while a session ran."""

    @property
    def message(self) -> str:
        return str(self)


class InvalidArgumentError(OpError):
    """A placeholder that is not fed, or values whose shapes do not fit."""


class FeedError(InvalidArgumentError, ValueError):
    """A value that cannot be fed for its placeholder (TensorFlow raises a ValueError)."""


class FailedPreconditionError(OpError):
    """A variable that is used before it has a value."""


class NotFoundError(OpError):
    """A checkpoint, or a variable in it, that is not there."""


class OutOfRangeError(OpError):
    """The end of the data."""


class GraphError(Error, ValueError, RuntimeError):
    """A tensor of another graph, or a session that is closed."""


class ShapeMismatch(Error, ValueError):
    """Shapes that do not fit, found while the graph is made."""


class DTypeMismatch(Error, TypeError):
    """Element types that do not fit, found while the graph is made."""
