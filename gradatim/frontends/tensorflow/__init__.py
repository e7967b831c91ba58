"""TensorFlow 1: a symbolic graph, and sessions that run it. Also as `tensorflow.compat.v1`.

The graph is this front end's own; a session makes one compiled Program of what a `run` asks
for. See `graph` and `sessions`.

Example:
    >>> import gradatim.frontends.tensorflow as tf
    >>> x = tf.placeholder(tf.float32, [None, 2])
    >>> y = tf.reduce_sum(x * x)
    >>> (slope,) = tf.gradients(y, [x])
    >>> with tf.Session() as sess:
    ...     loss, slope_value = sess.run([y, slope], feed_dict={x: [[1, 2]]})
    >>> loss.item(), slope_value.tolist()
    (5.0, [[2.0, 4.0]])
"""

import sys as _sys

from gradatim.frontends.names import look_in, make_rooms
from gradatim.frontends.tensorflow import (
    errors,
    flags,
    initializers,
    layers,
    losses,
    math,
    nn,
    random,
    sessions,
    train,
)

__version__ = VERSION = "1.15.5+gradatim"

_HERE = "gradatim.frontends.tensorflow"
_PLACES = [
    f"{_HERE}.{name}"
    for name in (
        "arrays", "math", "random", "initializers", "placeholders", "variables",
        "differentiation", "sessions", "graph", "shapes", "dtypes", "settings",
    )
]  # fmt: skip
_HINTS = {
    "keras": "write the layers with tf.layers or tf.nn, or the program with torch's names",
    "contrib": "tf.layers, tf.losses and tf.train have what is here of it",
    "summary": "print the numbers, or draw them with matplotlib",
    "data": "feed arrays with feed_dict",
    "estimator": "write the loop with tf.Session",
    "while_loop": "write the loop in Python: it becomes part of the graph",
    "map_fn": "write the loop in Python: it becomes part of the graph",
    "scan": "write the loop in Python: it becomes part of the graph",
    "py_func": "compute it outside, and feed the result",
    "gfile": "use Python's own files",
    "GradientTape": "this is TensorFlow 1: use tf.gradients",
    "function": "this is TensorFlow 1: use tf.Session",
    "enable_eager_execution": "this is TensorFlow 1: use tf.Session",
}

make_rooms(
    __name__,
    "tf",
    {
        "app": [f"{_HERE}.flags"],
        "linalg": [f"{_HERE}.math"],
        "examples": [],
        "examples.tutorials": [],
        "examples.tutorials.mnist": [],
        "examples.tutorials.mnist.input_data": [f"{_HERE}.mnist_data"],
        "compat": [],
    },
)
__getattr__, __dir__ = look_in("tf", globals(), _PLACES, _HINTS)

_sys.modules[f"{__name__}.app"].flags = flags

# `import tensorflow.compat.v1 as tf` is this module.
_this = _sys.modules[__name__]
_sys.modules[f"{__name__}.compat"].v1 = _sys.modules[f"{__name__}.compat.v1"] = _this

del look_in, make_rooms
