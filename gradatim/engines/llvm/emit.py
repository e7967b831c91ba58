"""Emit: LLVM IR as text, one instruction a call.

A `Module` holds functions, constants and declarations; a `Function` is written from top to bottom.
Values are names with a type, and types are LLVM's own words ("float", "<16 x float>", "i64",
"ptr"), so that what is emitted can be read in a dump as it was written here. Vectors are explicit:
nothing relies on LLVM's mid-level passes, which would cost more time than the whole code generator.

    >>> module = Module()
    >>> f = module.function("scale", ["ptr", "i64", "float"], "i32")
    >>> data, count, factor = f.params
    >>> with f.loop(0, count) as i:
    ...     x = f.load("float", f.at(data, i, "float"))
    ...     f.store(f.mul(x, factor), f.at(data, i, "float"))
    >>> f.ret(0)
    >>> print(module.text().splitlines()[0])
    define i32 @scale(ptr noalias %p0, i64 %p1, float %p2) #0 {
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

Type = str
Operand = Any  # a Value, or a Python number that takes the type of the other operand


class Value:
    """The name of something computed, and its type."""

    __slots__ = ("name", "type")

    def __init__(self, name: str, type: Type):
        self.name = name
        self.type = type

    def __repr__(self) -> str:
        return f"{self.type} {self.name}"


# --- types ---------------------------------------------------------------------------------------

SIZES = {
    "i1": 1, "i8": 1, "i16": 2, "i32": 4, "i64": 8, "i128": 16, "half": 2, "bfloat": 2, "float": 4,
    "double": 8, "ptr": 8,
}  # fmt: skip
FLOATS = ("half", "bfloat", "float", "double")
HALVES = FLOATS[:2]  # types of memory; arithmetic is done in float


def element(type: Type) -> Type:
    """`float` of `<16 x float>` and of `float`."""
    return type.split(" x ")[1][:-1] if type[0] == "<" else type


def lanes(type: Type) -> int:
    """16 of `<16 x float>`, 1 of a scalar."""
    return int(type[1:].split(" ")[0]) if type[0] == "<" else 1


def vector(type: Type, count: int) -> Type:
    """The type with `count` lanes; for 1 the scalar itself."""
    return type if count == 1 else f"<{count} x {type}>"


def like(type: Type, scalar: Type) -> Type:
    """`scalar` with as many lanes as `type` has."""
    return vector(scalar, lanes(type))


def is_float(type: Type) -> bool:
    return element(type) in FLOATS


def suffix(type: Type) -> str:
    """How an intrinsic's name says the type: `v16f32`."""
    base = element(type)
    short = {"half": "f16", "bfloat": "bf16", "float": "f32", "double": "f64", "ptr": "p0"}
    name = short.get(base, base)
    return f"v{lanes(type)}{name}" if type[0] == "<" else name


def _moved(type: Type) -> Type:
    """The type as which elements are gathered and scattered: halves as integers, because LLVM 22
    moves single lanes of them by conversions, and those for bfloat16 take denormal numbers for 0.
    """
    return like(type, "i16") if element(type) in ("half", "bfloat") else type


def literal(number: bool | int | float, type: Type) -> str:
    """A constant as LLVM reads it; the same number in every lane of a vector type."""
    base = element(type)
    if base in ("float", "double"):
        if base == "float":
            number = _rounded(float(number))
        text = f"0x{struct.unpack('<Q', struct.pack('<d', float(number)))[0]:016X}"
    elif base == "half":
        import numpy as np

        with np.errstate(over="ignore"):
            text = f"0xH{int(np.float16(number).view(np.uint16)):04X}"
    elif base == "bfloat":
        import ml_dtypes
        import numpy as np

        text = f"0xR{int(np.array(number, ml_dtypes.bfloat16).view(np.uint16)):04X}"
    elif base == "i1":
        text = "true" if number else "false"
    elif base == "ptr":
        text = "null"
    else:
        text = str(int(number))
    return f"splat ({base} {text})" if type[0] == "<" else text


def _rounded(number: float) -> float:
    try:
        rounded: float = struct.unpack("<f", struct.pack("<f", number))[0]
    except OverflowError:
        return float("inf") if number > 0 else float("-inf")
    return rounded


def constant(number: bool | int | float, type: Type) -> Value:
    return Value(literal(number, type), type)


def vector_constant(numbers: Sequence[bool | int | float], scalar: Type) -> Value:
    """A vector with a number of its own in each lane."""
    if len(numbers) == 1:
        return constant(numbers[0], scalar)
    text = ", ".join(f"{scalar} {literal(number, scalar)}" for number in numbers)
    return Value(f"<{text}>", vector(scalar, len(numbers)))


def _only_lane(mask: Value) -> int | None:
    """The one lane that is on in a constant mask."""
    if not mask.name.startswith("<"):
        return None
    on = [lane for lane, text in enumerate(mask.name.split(",")) if "true" in text]
    return on[0] if len(on) == 1 else None


# --- modules -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Features:
    """What of the processor the emitters ask.

    Attributes:
        vector_bytes: width of the widest vector register that is worth using.
        registers: how many of them there are.
        has_fma: whether a multiply and an add round once.
        has_masks: whether loads and stores can be masked by lane at full speed (AVX-512).
    """

    vector_bytes: int = 64
    registers: int = 32
    has_fma: bool = True
    has_masks: bool = True

    @property
    def has_rounding(self) -> bool:
        """Whether floats are rounded to whole ones by an instruction (SSE4.1; NEON has it): so
        with every processor above that has fused multiply-add."""
        return self.has_fma

    def lanes(self, type: Type) -> int:
        """How many elements of a scalar type a register holds."""
        return self.vector_bytes // SIZES[type]


class Module:
    """The functions that are compiled together."""

    def __init__(self, features: Features | None = None) -> None:
        self.features = features or Features()
        self.functions: dict[str, Function] = {}
        self.declarations: dict[str, str] = {}
        self.globals: dict[str, str] = {}
        self.scratch_users: set[str] = set()  # functions that want the memory of their thread

    def function(
        self, name: str, params: Sequence[Type], returns: Type, *, internal: bool = False
    ) -> Function:
        """A new function, to be written. Its pointers are taken not to overlap in ways that
        matter (`noalias` on the first pointer only says that nobody else frees it)."""
        made = Function(self, name, params, returns, internal)
        self.functions[name] = made
        return made

    def declare(self, name: str, returns: Type, params: Sequence[Type]) -> None:
        """Say that a function exists elsewhere (an intrinsic, the thread pool)."""
        self.declarations.setdefault(name, f"declare {returns} @{name}({', '.join(params)})")

    def table(self, numbers: Sequence[int | float], type: Type) -> Value:
        """The address of a constant array."""
        text = ", ".join(f"{type} {literal(number, type)}" for number in numbers)
        line = f"internal unnamed_addr constant [{len(numbers)} x {type}] [{text}], align 64"
        name = self.globals.setdefault(line, f"table{len(self.globals)}")
        return Value(f"@{name}", "ptr")

    def text(self) -> str:
        """The whole module as LLVM reads it."""
        parts = [function.text() for function in self.functions.values()]
        parts += [f"@{name} = {line}" for line, name in self.globals.items()]
        parts += self.declarations.values()
        parts.append('attributes #0 = { nounwind "no-trapping-math"="true" }')
        return "\n".join(parts) + "\n"


# --- functions -----------------------------------------------------------------------------------

_COMPARE_FLOAT = {"eq": "oeq", "ne": "une", "lt": "olt", "le": "ole", "gt": "ogt", "ge": "oge"}
_COMPARE_SIGNED = {"eq": "eq", "ne": "ne", "lt": "slt", "le": "sle", "gt": "sgt", "ge": "sge"}
_COMPARE_UNSIGNED = {"eq": "eq", "ne": "ne", "lt": "ult", "le": "ule", "gt": "ugt", "ge": "uge"}


class Loop:
    """A counted loop that is being written.

    Attributes:
        index: the counter.
        carry: the carried values at the top of the body.
        results: the carried values behind the loop (valid after the `with`).
    """

    def __init__(self, index: Value, carry: list[Value]):
        self.index = index
        self.carry = carry
        self.results = carry
        self._next: list[Value] = list(carry)

    def next(self, *values: Value) -> None:
        """Say what the carried values are in the next turn (call it once, in the body)."""
        self._next = list(values)


class Repeat:
    """A loop without a counter that is being written.

    Attributes:
        carry: the carried values at the top of the body.
        results: those of the last turn (valid after the `with`).
        again: whether there is another turn.
    """

    again: Value

    def __init__(self, carry: list[Value]):
        self.carry = carry
        self.results = carry

    def next(self, again: Value, *values: Value) -> None:
        """Say whether there is another turn, and the carried values in it (call it once)."""
        self.again = again
        self.results = list(values)


class Function:
    """One function, written from top to bottom."""

    def __init__(
        self, module: Module, name: str, params: Sequence[Type], returns: Type, internal: bool
    ):
        self.module = module
        self.name = name
        self.returns = returns
        self.internal = internal
        self.params = [Value(f"%p{k}", type) for k, type in enumerate(params)]
        self.lines: list[str] = []
        self.entry: list[str] = []  # allocas: at the very start, whatever asks for them
        self.block = "entry"
        self._count = 0

    def text(self) -> str:
        params = ", ".join(
            f"{v.type}{' noalias' if k == 0 and v.type == 'ptr' else ''} {v.name}"
            for k, v in enumerate(self.params)
        )
        kind = "internal " if self.internal else ""
        body = "\n".join(["entry:", *self.entry, *self.lines])
        return f"define {kind}{self.returns} @{self.name}({params}) #0 {{\n{body}\n}}"

    # --- plumbing --------------------------------------------------------------------------------

    def emit(self, text: str, type: Type) -> Value:
        """An instruction that gives a value."""
        self._count += 1
        name = f"%v{self._count}"
        self.lines.append(f"  {name} = {text}")
        return Value(name, type)

    def do(self, text: str) -> None:
        """An instruction that gives none."""
        self.lines.append("  " + text)

    def label(self, hint: str) -> str:
        self._count += 1
        return f"{hint}{self._count}"

    def start(self, label: str) -> None:
        """Begin a block."""
        self.lines.append(f"{label}:")
        self.block = label

    def jump(self, label: str) -> None:
        self.do(f"br label %{label}")

    def branch(self, condition: Value, yes: str, no: str) -> None:
        self.do(f"br i1 {condition.name}, label %{yes}, label %{no}")

    def ret(self, value: Operand = None) -> None:
        if value is None:
            self.do("ret void")
        else:
            self.do(f"ret {self._as(value, self.returns)!r}")

    def alloca(self, type: Type, count: int = 1, align: int = 64) -> Value:
        """Memory of this call, once for each call whatever loop asks for it."""
        self._count += 1
        name = f"%v{self._count}"
        self.entry.append(f"  {name} = alloca [{count} x {type}], align {align}")
        return Value(name, "ptr")

    def _as(self, operand: Operand, type: Type) -> Value:
        return operand if isinstance(operand, Value) else constant(operand, type)

    def _pair(self, a: Operand, b: Operand) -> tuple[Value, Value]:
        if isinstance(a, Value):
            return a, self._as(b, a.type)
        return self._as(a, b.type), b

    def call(self, name: str, returns: Type, *args: Value) -> Value:
        """Call a function of this module, or a declared one."""
        text = f"call {returns} @{name}({', '.join(map(repr, args))})"
        if returns == "void":
            self.do(text)
            return Value("", "void")
        return self.emit(text, returns)

    def intrinsic(self, name: str, returns: Type, *args: Value) -> Value:
        """Call an LLVM intrinsic by its full name (`llvm.fma.v16f32`)."""
        self.module.declare(name, returns, [arg.type for arg in args])
        return self.call(name, returns, *args)

    # --- arithmetic ------------------------------------------------------------------------------

    def _binary(self, floating: str, integer: str, a: Operand, b: Operand) -> Value:
        x, y = self._pair(a, b)
        word = floating if is_float(x.type) else integer
        return self.emit(f"{word} {x.type} {x.name}, {y.name}", x.type)

    def add(self, a: Operand, b: Operand) -> Value:
        return self._binary("fadd", "add", a, b)

    def sub(self, a: Operand, b: Operand) -> Value:
        return self._binary("fsub", "sub", a, b)

    def mul(self, a: Operand, b: Operand) -> Value:
        return self._binary("fmul", "mul", a, b)

    def div(self, a: Operand, b: Operand, signed: bool = True) -> Value:
        return self._binary("fdiv", "sdiv" if signed else "udiv", a, b)

    def rem(self, a: Operand, b: Operand, signed: bool = True) -> Value:
        return self._binary("frem", "srem" if signed else "urem", a, b)

    def and_(self, a: Operand, b: Operand) -> Value:
        return self._binary("and", "and", a, b)

    def or_(self, a: Operand, b: Operand) -> Value:
        return self._binary("or", "or", a, b)

    def xor(self, a: Operand, b: Operand) -> Value:
        return self._binary("xor", "xor", a, b)

    def shl(self, a: Operand, b: Operand) -> Value:
        return self._binary("shl", "shl", a, b)

    def shr(self, a: Operand, b: Operand, signed: bool = False) -> Value:
        word = "ashr" if signed else "lshr"
        return self._binary(word, word, a, b)

    def neg(self, a: Value) -> Value:
        if is_float(a.type):
            return self.emit(f"fneg {a.type} {a.name}", a.type)
        return self.sub(constant(0, a.type), a)

    def not_(self, a: Value) -> Value:
        ones = constant(True if element(a.type) == "i1" else -1, a.type)
        return self.xor(a, ones)

    def fma(self, a: Operand, b: Operand, c: Value) -> Value:
        """a · b + c, rounded once where the processor can."""
        x, y = self._as(a, c.type), self._as(b, c.type)
        if not self.module.features.has_fma:
            return self.add(self.mul(x, y), c)
        return self.intrinsic(f"llvm.fma.{suffix(c.type)}", c.type, x, y, c)

    def unary(self, name: str, a: Value) -> Value:
        """An intrinsic of one operand: "sqrt", "fabs", "floor", "ceil", "trunc", "rint" ..."""
        return self.intrinsic(f"llvm.{name}.{suffix(a.type)}", a.type, a)

    def binary(self, name: str, a: Value, b: Operand) -> Value:
        """An intrinsic of two operands: "copysign", "minnum", "smax", "umin" ..."""
        other = self._as(b, a.type)
        return self.intrinsic(f"llvm.{name}.{suffix(a.type)}", a.type, a, other)

    def compare(self, how: str, a: Operand, b: Operand, signed: bool = True) -> Value:
        """`how` is eq, ne, lt, le, gt, ge; comparisons with NaN are false, but `ne`."""
        x, y = self._pair(a, b)
        if is_float(x.type):
            word = f"fcmp {_COMPARE_FLOAT[how]}"
        else:
            word = f"icmp {(_COMPARE_SIGNED if signed else _COMPARE_UNSIGNED)[how]}"
        return self.emit(f"{word} {x.type} {x.name}, {y.name}", like(x.type, "i1"))

    def is_nan(self, a: Value) -> Value:
        return self.emit(f"fcmp uno {a.type} {a.name}, {a.name}", like(a.type, "i1"))

    def select(self, condition: Value, a: Operand, b: Operand) -> Value:
        x, y = self._pair(a, b)
        return self.emit(f"select {condition!r}, {x!r}, {y!r}", x.type)

    def convert(self, a: Value, scalar: Type, signed: bool = True) -> Value:
        """The number in another scalar type, lane by lane. `signed` says how an integer source,
        or the integer result of a float, is to be read. i1 and the unsigned widen with zeros."""
        source, target = element(a.type), like(a.type, scalar)
        if source == scalar:
            return a
        if source in HALVES or scalar in HALVES:
            from gradatim.engines.llvm.conversion import convert_stored

            return convert_stored(self, a, scalar, signed)
        if source in FLOATS and scalar in FLOATS:
            word = "fpext" if SIZES[scalar] > SIZES[source] else "fptrunc"
        elif source in FLOATS:
            word = "fptosi" if signed else "fptoui"
        elif scalar in FLOATS:
            word = "sitofp" if signed and source != "i1" else "uitofp"
        elif SIZES[scalar] > SIZES[source] or source == "i1":
            word = "sext" if signed and source != "i1" else "zext"
        else:
            word = "trunc"
        return self.emit(f"{word} {a!r} to {target}", target)

    def bitcast(self, a: Value, target: Type) -> Value:
        return a if a.type == target else self.emit(f"bitcast {a!r} to {target}", target)

    # --- vectors ---------------------------------------------------------------------------------

    def splat(self, a: Value, count: int) -> Value:
        """The scalar in every lane of a vector (or itself, for one lane)."""
        if count == 1:
            return a
        type = vector(a.type, count)
        if a.name[0] != "%":
            return Value(f"splat ({a!r})", type)
        first = self.emit(f"insertelement {type} poison, {a!r}, i64 0", type)
        zeros = constant(0, vector("i32", count))
        return self.emit(f"shufflevector {first!r}, {type} poison, {zeros!r}", type)

    def extract(self, a: Value, lane: Operand) -> Value:
        return self.emit(f"extractelement {a!r}, {self._as(lane, 'i64')!r}", element(a.type))

    def insert(self, a: Value, scalar: Value, lane: Operand) -> Value:
        return self.emit(f"insertelement {a!r}, {scalar!r}, {self._as(lane, 'i64')!r}", a.type)

    def shuffle(self, a: Value, b: Value | None, order: Sequence[int]) -> Value:
        """Lanes of `a` (numbered from 0) and `b` (on from there) in a new order; -1 is any."""
        second = repr(b) if b is not None else f"{a.type} poison"
        places = ", ".join("i32 poison" if k < 0 else f"i32 {k}" for k in order)
        type = vector(element(a.type), len(order))
        return self.emit(f"shufflevector {a!r}, {second}, <{len(order)} x i32> <{places}>", type)

    def first_lanes(self, count: Value, total: int) -> Value:
        """A mask of `total` lanes whose first `count` (i64) are on."""
        numbers = vector_constant(list(range(total)), "i32")
        narrow = self.binary("smin", count, total)
        limit = self.splat(self.convert(self.binary("smax", narrow, 0), "i32"), total)
        return self.compare("lt", numbers, limit)

    def unseen(self, mask: Value) -> Value:
        """A constant mask of first lanes, as a value that LLVM does not know.

        To choose between a computed vector and a constant by a mask that it knows, LLVM 22 moves
        the choice in front of a division, and takes 0 / 0 for 0 in the lanes that are off.
        """
        total = lanes(mask.type)
        count = mask.name.count("true")
        assert mask.name == vector_constant([k < count for k in range(total)], "i1").name
        hidden = self.emit(f'call i64 asm "", "=r,0"(i64 {count})', "i64")
        return self.first_lanes(hidden, total)

    def horizontal(self, how: str, a: Value) -> Value:
        """Combine the lanes by a fixed tree: `how` is add, mul, and, or, or names a method of two
        operands such as "smax"."""
        count = lanes(a.type)
        while count > 1:
            count //= 2
            low = self.shuffle(a, None, range(count))
            high = self.shuffle(a, None, range(count, 2 * count))
            if count == 1:
                low, high = self.extract(a, 0), self.extract(a, 1)
            combine = getattr(self, how, None) or getattr(self, how + "_", None)
            a = combine(low, high) if combine else self.binary(how, low, high)
        return a

    # --- memory ----------------------------------------------------------------------------------

    def at(self, base: Value, index: Operand, type: Type) -> Value:
        """The address of element `index` (i64) of an array of `type`."""
        place = self._as(index, "i64")
        if place.name == "0":
            return base
        return self.emit(f"getelementptr {element(type)}, {base!r}, {place!r}", "ptr")

    def at_byte(self, base: Value, offset: Operand) -> Value:
        return self.at(base, offset, "i8")

    def load(self, type: Type, address: Value, align: int | None = None) -> Value:
        align = align or SIZES[element(type)]
        return self.emit(f"load {type}, {address!r}, align {align}", type)

    def store(self, value: Value, address: Value, align: int | None = None) -> None:
        align = align or SIZES[element(value.type)]
        self.do(f"store {value!r}, {address!r}, align {align}")

    def masked_load(self, type: Type, address: Value, mask: Value, other: Value) -> Value:
        """Lanes whose mask is off are not read, and give `other`'s."""
        name = f"llvm.masked.load.{suffix(type)}.p0"
        align = SIZES[element(type)]
        self.module.declare(name, type, ["ptr", mask.type, type])
        text = f"call {type} @{name}(ptr align {align} {address.name}, {mask!r}, {other!r})"
        return self.emit(text, type)

    def gather(self, scalar: Type, addresses: Value, mask: Value) -> Value:
        """Elements at a vector of addresses; lanes whose mask is off are not read, and give 0."""
        type = like(addresses.type, scalar)
        raw = _moved(type)
        name = f"llvm.masked.gather.{suffix(raw)}.{suffix(addresses.type)}"
        self.module.declare(name, raw, [addresses.type, mask.type, raw])
        where = f"{addresses.type} align {SIZES[scalar]} {addresses.name}"
        text = f"call {raw} @{name}({where}, {mask!r}, {constant(0, raw)!r})"
        return self.bitcast(self.emit(text, raw), type)

    def scatter(self, value: Value, addresses: Value, mask: Value) -> None:
        """Lanes whose mask is off are not written."""
        value = self.bitcast(value, _moved(value.type))
        name = f"llvm.masked.scatter.{suffix(value.type)}.{suffix(addresses.type)}"
        self.module.declare(name, "void", [value.type, addresses.type, mask.type])
        where = f"{addresses.type} align {SIZES[element(value.type)]} {addresses.name}"
        self.do(f"call void @{name}({value!r}, {where}, {mask!r})")

    def masked_store(self, value: Value, address: Value, mask: Value) -> None:
        lane = _only_lane(mask)
        if lane is not None:  # (of such a store LLVM 22 makes one that is too wide)
            self.store(self.extract(value, lane), self.at(address, lane, element(value.type)))
            return
        name = f"llvm.masked.store.{suffix(value.type)}.p0"
        align = SIZES[element(value.type)]
        self.module.declare(name, "void", [value.type, "ptr", mask.type])
        self.do(f"call void @{name}({value!r}, ptr align {align} {address.name}, {mask!r})")

    def prefetch(self, address: Value, locality: int = 3) -> None:
        self.module.declare("llvm.prefetch.p0", "void", ["ptr", "i32", "i32", "i32"])
        self.do(f"call void @llvm.prefetch.p0({address!r}, i32 0, i32 {locality}, i32 1)")

    # --- control ---------------------------------------------------------------------------------

    @contextmanager
    def loop(
        self, start: Operand, stop: Operand, step: Operand = 1, carry: Sequence[Value] = ()
    ) -> Iterator[Any]:
        """Count an i64 from `start` while it is below `stop`. Without `carry` gives the counter,
        else a `Loop`, on which the body calls `next(...)`."""
        first, limit, stride = (self._as(v, "i64") for v in (start, stop, step))
        before = self.block
        head, body, behind = self.label("loop"), self.label("body"), self.label("done")
        self.jump(head)
        self.start(head)
        index = self._phi(first, before)
        carried = [self._phi(value, before) for value in carry]
        place = len(self.lines)
        again = self.compare("lt", index, limit)
        self.branch(again, body, behind)
        self.start(body)
        loop = Loop(index, carried)
        yield loop if carry else index
        following = self.add(index, stride)
        last = self.block
        self.jump(head)
        news = [following, *loop._next]
        for k, new in enumerate(news):
            line = place - len(news) + k
            self.lines[line] += f", [ {new.name}, %{last} ]"
        self.start(behind)

    @contextmanager
    def repeat(self, carry: Sequence[Value]) -> Iterator[Repeat]:
        """A loop of at least one turn, which goes on while the i1 holds that the body hands to
        `next(...)` together with the carried values of the next turn."""
        before = self.block
        head, behind = self.label("repeat"), self.label("done")
        self.jump(head)
        self.start(head)
        loop = Repeat([self._phi(value, before) for value in carry])
        place = len(self.lines)
        yield loop
        for k, new in enumerate(loop.results):
            line = place - len(carry) + k
            self.lines[line] += f", [ {new.name}, %{self.block} ]"
        self.branch(loop.again, head, behind)
        self.start(behind)

    def _phi(self, value: Value, before: str) -> Value:
        return self.emit(f"phi {value.type} [ {value.name}, %{before} ]", value.type)

    @contextmanager
    def if_(self, condition: Value) -> Iterator[None]:
        """Write what is done only where the i1 holds."""
        yes, behind = self.label("then"), self.label("after")
        self.branch(condition, yes, behind)
        self.start(yes)
        yield
        self.jump(behind)
        self.start(behind)

    @contextmanager
    def otherwise(self, condition: Value) -> Iterator[None]:
        """Write what is done only where the i1 does not hold."""
        no, behind = self.label("else"), self.label("after")
        self.branch(condition, behind, no)
        self.start(no)
        yield
        self.jump(behind)
        self.start(behind)
