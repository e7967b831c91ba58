"""The shape of an optimizer of this package: one pure function, and what it needs to be told.

    rule       (param, grad, *slots, **numbers, **switches) -> (new param, *new slots)
    slots      the tensors kept for each parameter, and whether the options at hand need them
    counts     the plain numbers kept for each parameter, with their first values
    numbers    the Python numbers of one step: learning rate, bias corrections
    switches   the booleans that choose between formulas

`RuleOptimizer.step` does the rest: it builds the new values of all parameters and slots as one
graph and hands them to `commit`, which computes them, with everything else pending, as one
Program.

In a compiled step (`gd.compile`) the Python code of `step` runs once, to build the graph, and the
Program many times. Three things keep it right: counting steps and computing numbers is registered
to be done before each run (`_numbers_of`); slots are made outside the captured graph (`_slots_of`);
and `_branches`, all that the choice of formulas depends on, is the guard.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Hashable, Iterable
from itertools import repeat
from operator import is_
from typing import Any, ClassVar

from gradatim import ops
from gradatim.autograd import enable_grad, no_grad
from gradatim.capture import capturing, guard, host_scalars, outside, rehearsal
from gradatim.graph import primitives as p
from gradatim.graph.node import Node
from gradatim.graph.template import Template
from gradatim.mesh import beside
from gradatim.ops.arguments import number_node
from gradatim.optim.checkpoint import Group
from gradatim.optim.optimizer import Optimizer
from gradatim.realize import commit, state
from gradatim.tensor import Tensor, content, handle

Scalar = float | Tensor
"""A number of a step: a Python float, or in a compiled step a 0-d tensor read at each replay."""

Entry = dict[str, Any]
"""What an optimizer keeps for one parameter: its slots and counts, by name."""

Writes = dict[int, tuple[Tensor, Node]]
"""By the id of a tensor: the tensor, and the new value it will get."""

Cohort = list[tuple[Tensor, Entry, dict[str, Tensor]]]
"""Parameters in one phase: each with what is kept for it, and with its slots."""


class RuleOptimizer(Optimizer):
    """An optimizer whose step is `rule`, applied to each parameter.

    Maximizing (the option `maximize`) and decaying weights (`weight_decay`,
    `decoupled_weight_decay`) are alike in all, and are done before `rule` is called.
    """

    # --- what an optimizer declares -------------------------------------------------------------

    rule: ClassVar[Callable[..., tuple[Any, ...]]]
    """The update of one parameter: its new value, and the new value of each slot."""

    def slots(self, group: Group) -> dict[str, bool]:
        """The tensors `rule` takes and returns, in its order: name, and whether it is in use."""
        return {}

    def first(self, slot: str, param: Tensor, group: Group) -> Tensor:
        """The first value of a slot: zeros, where nothing else is said."""
        return ops.zeros_like(param)

    def numbers(self, group: Group, entry: Entry) -> dict[str, float]:
        """The numbers `rule` takes, for the step at hand; may write the counts in `entry`."""
        raise NotImplementedError

    def switches(self, group: Group) -> dict[str, bool]:
        """The booleans `rule` takes."""
        return {}

    kind: ClassVar[Callable[[Tensor], Hashable] | None] = None
    """What else parameters must have in common to be updated alike: see `slots_of_kind`."""

    def slots_of_kind(self, group: Group, param: Tensor) -> dict[str, bool]:
        """The slots in use for parameters like this one, where they are not alike in a group."""
        return self.slots(group)

    def decay(self, group: Group) -> str | None:
        """ "coupled", "decoupled", or None where weights do not decay, or `rule` does it."""
        return _decay(group)

    def phase(self, entry: Entry) -> Hashable:
        """Parameters of one group in an equal phase share the numbers of a step."""
        return tuple(map(entry.get, self.counts))

    # --- one step -------------------------------------------------------------------------------

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Update every parameter that has a gradient, and compute everything that is pending.

        Args:
            closure: computes the loss anew, calls `backward`, and returns the loss.

        Returns:
            What `closure` returned.
        """
        loss = None
        if closure is not None:
            with enable_grad():
                loss = closure()
        writes: Writes = {}
        cohorts: list[Cohort] = []
        with no_grad():
            for group in self.param_groups:
                for params in self._cohorts(group):
                    cohorts.append(self._update(group, params, writes))
            if writes:
                commit(list(writes.values()))
        if capturing():
            guard(self._branches(cohorts))
        return loss

    def _cohorts(self, group: Group) -> Iterable[list[Tensor]]:
        """The parameters that have a gradient, in lists that share the numbers of this step."""
        cohorts: dict[Hashable, list[Tensor]] = {}
        times_seen: dict[int, int] = {}  # a parameter that is there twice is updated twice
        entry_of, phase, kind = self.state.get, self.phase, self.kind
        nothing: Entry = {}
        for param in group["params"]:
            if param._grad is not None:
                times = times_seen.get(id(param), 0)
                times_seen[id(param)] = times + 1
                key: Hashable = (param._cell.node.dtype, phase(entry_of(param, nothing)), times)
                if kind is not None:
                    key = key, kind(param)
                cohort = cohorts.get(key)
                if cohort is None:
                    cohorts[key] = [param]
                else:
                    cohort.append(param)
        return cohorts.values()

    def _update(self, group: Group, params: list[Tensor], writes: Writes) -> Cohort:
        """Add the new values of one cohort's parameters and slots to `writes`."""
        in_use = self.slots_of_kind(group, params[0])
        remembers = self.counts or any(in_use.values())
        entries = [self.state[param] for param in params] if remembers else [{} for _ in params]
        slots = self._slots_of(group, params, entries, in_use)
        numbers = self._numbers_of(group, entries, slots, like=params[0])
        dtype = params[0].dtype
        number_nodes = [
            n._read() if isinstance(n, Tensor) else number_node(n, dtype) for n in numbers.values()
        ]
        formula = _formula(
            self.rule,
            tuple(in_use.values()),
            tuple(numbers),
            tuple(self.switches(group).items()),
            group.get("maximize", False),
        )
        for param, own_slots in zip(params, slots):
            targets = (param, *own_slots.values())
            reads = [
                writes[id(target)][1] if id(target) in writes else content(target)
                for target in targets
            ]
            reads.append(content(param._grad))
            for target, value in zip(targets, formula.build(reads, number_nodes)):
                writes[id(target)] = target, value
        return list(zip(params, entries, slots)) if remembers else []

    def _slots_of(
        self, group: Group, params: list[Tensor], entries: list[Entry], in_use: dict[str, bool]
    ) -> list[dict[str, Tensor]]:
        """The slots of each parameter by name; those that are not there yet are made."""
        names = [name for name, used in in_use.items() if used]
        if not names:
            return [{} for _ in params]
        slots = []
        complete = True
        for entry in entries:
            own_slots = {name: entry.get(name) for name in names}
            complete = complete and type(None) not in map(type, own_slots.values())
            slots.append(own_slots)
        if not complete:
            with outside():
                for param, own_slots in zip(params, slots):
                    for name in names:
                        if own_slots[name] is None:
                            own_slots[name] = beside(self.first(name, param, group), param)
        return slots

    def _numbers_of(
        self, group: Group, entries: list[Entry], slots: list[dict[str, Tensor]], like: Tensor
    ) -> dict[str, Any]:
        """Count one step, put the slots into the state, and give the step's numbers.

        In capture nothing happens yet: it is all done before each run of the Program.
        """

        placed = False

        def begin_step() -> dict[str, float]:
            nonlocal placed
            numbers = self._advance(group, entries)
            if not placed:
                for entry, own_slots in zip(entries, slots):
                    entry.update(own_slots)
                placed = True
            return numbers

        if not capturing():
            return begin_step()
        with outside():
            names = self._advance(group, [entry.copy() for entry in entries])
        numbers = host_scalars(lambda: list(begin_step().values()), len(names), like)
        return dict(zip(names, numbers))

    def _advance(self, group: Group, entries: list[Entry]) -> dict[str, float]:
        entry = entries[0]
        for name, first_value in self.counts.items():
            if name not in entry:
                entry[name] = first_value
        # All count alike, so that this is no change that a compiled step has to look at.
        if "step" in self.counts:
            _set_item(entry, "step", entry["step"] + 1)
        numbers = self.numbers(group, entry)
        for name in self.counts:
            count = entry[name]
            for other in entries:
                _set_item(other, name, count)
        decay = self.decay(group)
        if decay == "coupled":
            numbers["weight_decay"] = float(group["weight_decay"])
        elif decay == "decoupled":
            numbers["shrink"] = 1 - float(group["lr"]) * float(group["weight_decay"])
        return numbers

    def _branches(self, cohorts: list[Cohort]) -> Callable[[], bool]:
        """A function that says whether all that `step` depends on but values is as it is now: the
        guard of a replay.

        It is called at every replay, and so looks at the state only if some state, or some module,
        has changed since.
        """
        groups = self.param_groups
        # Of each group: its parameters, its formulas, and all its values when last looked at.
        seen = [[g, list(g["params"]), self._options(g), []] for g in groups]
        kept = [(param, entry, slots) for cohort in cohorts for param, entry, slots in cohort]
        own_state = self.state
        entries = list(own_state.values())
        of_slot = [(entry, name, slot) for _, entry, slots in kept for name, slot in slots.items()]
        owners, names, tensors = zip(*of_slot) if of_slot else ((), (), ())
        by_cohort = [[entry for _, entry, _ in cohort] for cohort in cohorts if len(cohort) > 1]
        placed = False  # whether the slots are in the state: not yet, at the first look
        structure = -1  # `state.structure` when the state was as it is now

        def same() -> bool:
            nonlocal placed, structure
            if self.param_groups is not groups or len(groups) != len(seen):
                return False
            for of_group in seen:
                group, members, options, last = of_group
                now = group["params"]
                if len(now) != len(members) or not all(map(is_, now, members)):
                    return False
                if len(group) == len(last) and all(map(is_, group.values(), last)):
                    continue
                if self._options(group) != options:
                    return False
                values = list(group.values())  # a tensor may change its value and stay the same
                of_group[3] = [] if any(isinstance(v, Tensor) for v in values) else values
            if not kept:  # nothing is remembered
                return True
            if self.state is not own_state:
                return False
            if structure == state.structure:
                return True
            slots = (
                map(dict.get, owners, names) if placed else map(dict.get, owners, names, tensors)
            )
            unchanged = (
                len(own_state) == len(entries)
                and all(map(is_, own_state.values(), entries))
                and all(map(is_, slots, tensors))
                and all(map(self._in_one_phase, by_cohort))
            )
            if placed and unchanged and own_state.counts_all:
                structure = state.structure
            placed = True
            return unchanged

        return same

    def _in_one_phase(self, entries: list[Entry]) -> bool:
        """Whether what `phase` depends on is alike in all entries."""
        for name in self.counts:
            values = list(map(dict.get, entries, repeat(name)))
            if values.count(values[0]) != len(values):
                return False
        return True

    def _options(self, group: Group) -> tuple[Any, ...]:
        """What decides which formulas the parameters of a group get."""
        return (
            group.get("maximize", False),
            self.decay(group),
            *self.slots(group).values(),
            *self.switches(group).values(),
        )


_set_item = dict.__setitem__


class _Formula:
    """The update of one cohort as a graph: the rule is called once for each kind of parameter."""

    def __init__(
        self,
        rule: Callable[..., tuple[Any, ...]],
        in_use: tuple[bool, ...],
        numbers: tuple[str, ...],
        switches: tuple[tuple[str, bool], ...],
        maximize: bool,
    ):
        self.rule = rule
        self.in_use = in_use
        self.names = numbers
        self.switches = dict(switches)
        self.maximize = maximize
        self.templates: dict[Hashable, Template] = {}  # by the types of what is read

    def build(self, reads: list[Node], numbers: list[Node]) -> list[Node]:
        """The new values of a parameter and of its slots in use.

        Args:
            reads: the parameter, its slots in use, its gradient.
            numbers: the numbers of the step.
        """
        if state.special:  # each operation is computed at once
            return self._call(reads, numbers)
        types = (reads[0].device, *[(node.shape, node.dtype) for node in reads])
        template = self.templates.get(types)
        if template is None:
            template = self.templates[types] = self._record(reads, numbers)
        return template.build(reads + numbers)

    def _record(self, reads: list[Node], numbers: list[Node]) -> Template:
        stand_ins = [
            p.program_input(k, node.shape, node.dtype, node.device)
            for k, node in enumerate(reads + numbers)
        ]
        with rehearsal():
            outputs = self._call(stand_ins[: len(reads)], stand_ins[len(reads) :])
        return Template(stand_ins, outputs)

    def _call(self, reads: list[Node], number_nodes: list[Node]) -> list[Node]:
        value, *in_order = map(handle, reads)
        grad = in_order.pop()
        rest = iter(in_order)
        slots = [next(rest) if used else None for used in self.in_use]
        numbers = dict(zip(self.names, map(handle, number_nodes)))
        weight_decay, shrink = numbers.pop("weight_decay", None), numbers.pop("shrink", None)
        if self.maximize:
            grad = -grad
        if weight_decay is not None:
            grad = grad + value * weight_decay
        elif shrink is not None:
            value = value * shrink
        value, *slots = self.rule(value, grad, *slots, **numbers, **self.switches)
        return [value._read(), *[s._read() for s, used in zip(slots, self.in_use) if used]]


# One for each kind of optimizer and choice of its options.
_formula = functools.lru_cache(256)(_Formula)


def _decay(group: Group) -> str | None:
    """How weights decay in this group, if they do.

    "coupled": a gradient of the L2 penalty. "decoupled": weights shrink on their own (Loshchilov &
    Hutter 2019, *Decoupled weight decay regularization*, algorithm 2).
    """
    if not group.get("weight_decay"):
        return None
    return "decoupled" if group.get("decoupled_weight_decay") else "coupled"
