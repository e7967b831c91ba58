"""Facts: what an engine can tell of the kernels that it made from a Program.

`gd.explain_program` and `gradatim profile` print them; an engine that has them offers

    explain(program) -> ProgramFacts
    compile_timed(program, device) -> an executable with `facts` and, after a call, `seconds`
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class KernelFacts:
    """One kernel.

    Attributes:
        launch: which launch of the Program it belongs to; one may have several kernels, such as
            packing an operand and multiplying.
        title: what it does, in a few words: "contract 1000x500 over 784".
        fused: the operations that are done in it beside, in order.
        how: tile shapes, packing and the like, or "".
        operations: floating-point ones.
        bytes: read and written, each once.
        pieces: into how many its work is cut, whatever the number of threads.
        shared: whether threads share the pieces.
        fallback: why it runs on the reference engine; "" for native code.
        body: for a loop over time, its kernels in each step.
    """

    launch: int
    title: str
    fused: tuple[str, ...] = ()
    how: str = ""
    operations: float = 0.0
    bytes: float = 0.0
    pieces: int = 1
    shared: bool = False
    fallback: str = ""
    body: tuple[str, ...] = ()


@dataclass(frozen=True)
class ProgramFacts:
    """All kernels of a Program, in the order in which they run.

    Attributes:
        name: the first digits of the Program's digest.
        nodes: how many operations it had, simplified.
        arena: bytes of temporaries, workspace included.
        workspace: bytes in it for packed operands and partial sums.
    """

    name: str
    nodes: int
    kernels: tuple[KernelFacts, ...]
    arena: int = 0
    workspace: int = 0
