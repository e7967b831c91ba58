"""NumPy's names on Gradatim's arrays: `import gradatim.numpy as np`.

For programs that spell out a network in NumPy: creation, arithmetic, reductions, products, indexing
and random numbers. Nothing is computed before it is looked at, and then as one compiled program.
Numbers have NumPy's element types (float64, int64), and random numbers are NumPy's own, from its
`RandomState`: with the same seed they are the same.

Example:
    >>> import gradatim.numpy as np
    >>> np.random.seed(0)
    >>> t1, t2, t3 = (np.random.rand(4, 5) for _ in range(3))
    >>> float(np.sum((t1 + t2) * t3))  # doctest: +ELLIPSIS
    8.8081230779...
"""

from math import e as e
from math import inf as inf
from math import nan as nan
from math import pi as pi

import numpy as _np

from gradatim.frontends.names import look_in as _look_in
from gradatim.frontends.names import make_rooms as _make_rooms
from gradatim.numpy import elements as _elements  # these two give arrays their operators
from gradatim.numpy import reductions as _reductions
from gradatim.numpy.randoms import RandomState as _RandomState

newaxis = None
float16, float32, float64 = _np.float16, _np.float32, _np.float64
int8, int16, int32, int64 = _np.int8, _np.int16, _np.int32, _np.int64
uint8, bool_ = _np.uint8, _np.bool_

_make_rooms(__name__, "np", {"random": [], "linalg": ["gradatim.numpy.norms"]})

# The functions of `random` are those of one `RandomState`, as NumPy's are.
_global = _RandomState()
random.RandomState = _RandomState  # noqa: F821
random.__getattr__ = lambda name: getattr(_global, name)  # noqa: F821

__getattr__, __dir__ = _look_in(
    "np",
    globals(),
    [f"gradatim.numpy.{name}" for name in ("arrays", "elements", "reductions", "shapes")],
)
