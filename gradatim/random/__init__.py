"""Random numbers: PyTorch's stream, so that the same seed gives the same numbers.

A `Generator` is a stream of 32-bit words (random_streams.py), the distributions made from them
(random_samplers.py, random_integers.py), and a seed. Draws happen in program order, and each takes
the words that PyTorch's takes, so that a script and its PyTorch twin stay in step through initial
weights, shuffles and dropout.

>>> import gradatim.random as random
>>> generator = random.Generator().manual_seed(0)
>>> generator.uniform((3,), "float32").tolist()  # torch.manual_seed(0); torch.rand(3)
[0.49625658988952637, 0.7682217955589294, 0.08847743272781372]

Generators work on NumPy arrays. The functions on tensors are in ops/draws.py.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from gradatim.graph.errors import (
    ArgumentError,
    ArgumentTypeError,
    CheckpointError,
    DeviceError,
)
from gradatim.random.samplers import Samplers
from gradatim.random.streams import MT19937, STREAMS, Philox

if TYPE_CHECKING:
    from gradatim.tensor import Tensor

DEFAULT_SEED = 67280421310721
"""The seed of a new Generator, as in PyTorch."""


class Generator(Samplers):
    """A source of random numbers, with a state of its own.

    Args:
        device: "cpu". (Draws for other devices start from the same words.)
        stream: "mt19937", PyTorch's on the CPU, or "philox", which many processors can compute at
            once: see `random_streams.Philox` for its layout.

    Example:
        >>> generator = Generator().manual_seed(3)
        >>> state = generator.state_bytes()
        >>> first = generator.permutation(5)
        >>> generator.load_state_bytes(state)
        >>> bool((generator.permutation(5) == first).all())
        True
    """

    def __init__(self, device: Any = "cpu", stream: str = "mt19937"):
        if str(device).partition(":")[0] != "cpu":
            raise DeviceError(f"Generator is made on the cpu, got device {str(device)!r}")
        self._kind = _stream_kind(stream)
        self._restart(DEFAULT_SEED)

    def _restart(self, seed: int) -> None:
        self._seed = seed
        self._stream: MT19937 | Philox | None = None  # made when first drawn from: see MT19937
        self.kept = None

    @property
    def _words(self) -> MT19937 | Philox:
        if self._stream is None:
            self._stream = self._kind(self._seed)
        return self._stream

    # -- what the distributions are made from ----------------------------------------------------

    def words(self, count: int) -> np.ndarray:
        """The next `count` 32-bit words of the stream, uint32."""
        return self._words.words(count)

    @property
    def keeps(self) -> bool:  # type: ignore[override]
        return self._kind.keeps

    # -- seeds -----------------------------------------------------------------------------------

    @property
    def device(self) -> Any:
        """Where its numbers are made: the cpu."""
        from gradatim.tensor import CPU

        return CPU

    @property
    def stream(self) -> str:
        """ "mt19937" or "philox"."""
        return self._kind.name

    def manual_seed(self, seed: int, stream: str | None = None) -> Generator:
        """Start the stream anew from `seed`, and return the generator.

        Args:
            seed: a whole number from -2**63 to 2**64 - 1; a negative one counts from 2**64 down.
                The stream "mt19937" uses the low 32 bits of it, as PyTorch does.
            stream: change to this stream; by default the generator keeps the one it has.

        Raises:
            ArgumentError: a seed outside that range.
        """
        seed = _seed(seed)
        self._kind = self._kind if stream is None else _stream_kind(stream)
        self._restart(seed)
        return self

    def seed(self) -> int:
        """Start anew from a seed that the operating system draws, and return that seed."""
        self._restart(int.from_bytes(os.urandom(8), "little"))
        return self._seed

    def initial_seed(self) -> int:
        """The seed that the stream last started from, from 0 to 2**64 - 1."""
        return self._seed

    # -- states ----------------------------------------------------------------------------------

    def state_bytes(self) -> np.ndarray:
        """The state, uint8: 5,056 bytes in PyTorch's layout, or 16 of Philox: seed, draws."""
        return self._words.to_bytes(self._seed, self.kept)

    def load_state_bytes(self, data: np.ndarray) -> None:
        """Go on from a state that `state_bytes` or PyTorch's `get_rng_state` gave.

        Raises:
            CheckpointError: bytes that are no state.
        """
        data = np.ascontiguousarray(data)
        for kind in STREAMS.values():
            if data.size == kind.LAYOUT.itemsize:
                self._stream, self._seed, self.kept = kind.from_bytes(data)
                self._kind = kind
                return
        sizes = " or ".join(f"{kind.LAYOUT.itemsize} ({kind.name})" for kind in STREAMS.values())
        raise CheckpointError(
            f"Expected a generator state of size {sizes} but found the input RNG state size to be "
            f"{data.size}"
        )

    def get_state(self) -> Tensor:
        """`state_bytes` as a uint8 tensor, which PyTorch's `set_rng_state` takes too."""
        from gradatim.tensor import from_array

        return from_array(self.state_bytes())

    def set_state(self, state: Any) -> None:
        """Go on from a state that `get_state` (ours or PyTorch's) gave.

        Raises:
            ArgumentTypeError: a tensor that is not uint8.
            CheckpointError: bytes that are no state.
        """
        data = np.asarray(state)
        if data.dtype != np.uint8:
            raise ArgumentTypeError(
                f"RNG state must be a torch.ByteTensor (a uint8 tensor), got {data.dtype}"
            )
        self.load_state_bytes(data)

    def clone_state(self) -> Generator:
        """A new generator in the same state, which then goes its own way."""
        twin = Generator()
        twin.load_state_bytes(self.state_bytes())
        return twin

    def __deepcopy__(self, memo: Any) -> Generator:
        return self.clone_state()

    def __reduce__(self) -> tuple[Any, ...]:
        return _from_bytes, (self.state_bytes().tobytes(),)

    def __repr__(self) -> str:
        return f"<Generator stream={self.stream} seed={self._seed}>"


def _from_bytes(data: bytes) -> Generator:
    generator = Generator()
    generator.load_state_bytes(np.frombuffer(data, np.uint8))
    return generator


def _seed(seed: Any) -> int:
    try:
        seed = int(seed)
    except TypeError:
        raise ArgumentTypeError(f"a seed is a whole number, got {type(seed).__name__}") from None
    except (ValueError, OverflowError):
        raise ArgumentError(f"a seed is a whole number, got {seed!r}") from None
    if not -(2**63) <= seed < 2**64:
        raise ArgumentError(
            f"Overflow when unpacking long long: a seed is from -2**63 to 2**64 - 1, got {seed}"
        )
    return seed % 2**64


def _stream_kind(name: str) -> type[MT19937] | type[Philox]:
    if name not in STREAMS:
        raise ArgumentError(f"no random stream named {name!r}: choose from {', '.join(STREAMS)}")
    return STREAMS[name]


default_generator = Generator()
"""The generator of every draw that is given no other. Seeded by the operating system at first."""

default_generator.seed()


def manual_seed(seed: int, stream: str = "mt19937") -> Generator:
    """Start the default stream from `seed`: the numbers that follow are then the same in every run,
    and those of `torch.manual_seed(seed)`.

    Args:
        seed: a whole number from -2**63 to 2**64 - 1.
        stream: "mt19937" for PyTorch's CPU numbers, or "philox" for a stream that is computed in
            parallel.

    Returns:
        The default generator.

    Raises:
        ArgumentError: a seed outside that range.

    Example:
        >>> manual_seed(7).permutation(5).tolist()
        [0, 1, 3, 2, 4]
    """
    return default_generator.manual_seed(seed, stream)


def seed() -> int:
    """Start the default stream from a seed that the operating system draws; return that seed."""
    return default_generator.seed()


def initial_seed() -> int:
    """The seed that the default stream last started from."""
    return default_generator.initial_seed()


def get_rng_state() -> Tensor:
    """The state of the default stream: a uint8 tensor of 5,056 bytes, in PyTorch's layout."""
    return default_generator.get_state()


def set_rng_state(state: Any) -> None:
    """Let the default stream go on from a state that `get_rng_state` (ours or PyTorch's) gave."""
    default_generator.set_state(state)


@contextlib.contextmanager
def fork_rng(
    devices: Iterable[Any] | None = None,
    enabled: bool = True,
    device_type: str = "cpu",
) -> Iterator[None]:
    """A block whose draws leave the default stream as they found it.

    Args:
        devices, device_type: taken as PyTorch takes them; every device draws from the one stream.
        enabled: if False, do nothing.

    Example:
        >>> first = manual_seed(0).permutation(4)
        >>> with fork_rng():
        ...     twin = manual_seed(0).permutation(4)
        >>> bool((first == twin).all()), initial_seed()
        (True, 0)
    """
    if not enabled:
        yield
        return
    state = default_generator.state_bytes()
    try:
        yield
    finally:
        default_generator.load_state_bytes(state)
