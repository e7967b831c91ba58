"""torch.mps: no such GPU."""

from gradatim.frontends.names import look_in


def is_available() -> bool:
    """No."""
    return False


def device_count() -> int:
    """None."""
    return 0


__getattr__, __dir__ = look_in("torch.mps", globals())
