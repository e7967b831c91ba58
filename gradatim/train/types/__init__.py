"""The deck's network types by name: perceptron, feed-forward, ..., lstm, gru."""

from gradatim.train.types.last_state import LastState
from gradatim.train.types.registry import TYPES, NetworkType, build_network, find_type

__all__ = ["TYPES", "LastState", "NetworkType", "build_network", "find_type"]
