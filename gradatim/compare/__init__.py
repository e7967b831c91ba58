"""Classic algorithms and networks on the same split of the same data. What `gradatim compare` does.

`compare(recipe)` gives a table of scores and times; `learning_curve(recipe)` the scores for growing
amounts of data.
"""

from gradatim.compare.classic import CLASSIC, SVM_ROWS, Classic
from gradatim.compare.comparison import Comparison, Entry, choose_methods, compare, learning_curve
from gradatim.compare.networks import NETWORKS

__all__ = [
    "CLASSIC",
    "NETWORKS",
    "SVM_ROWS",
    "Classic",
    "Comparison",
    "Entry",
    "choose_methods",
    "compare",
    "learning_curve",
]
