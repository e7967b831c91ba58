"""Template: a graph built again on other inputs."""

import numpy as np

from gradatim.engines import get_engine
from gradatim.graph import dtypes
from gradatim.graph import primitives as p
from gradatim.graph.program import close, trace
from gradatim.graph.template import Template


def stand_ins(*shapes):
    return [p.program_input(k, shape, dtypes.float32) for k, shape in enumerate(shapes)]


def value(*numbers):
    array = np.array(numbers, np.float32)
    return p.value(array, array.shape, dtypes.float32)


def run(outputs):
    found = trace(outputs)
    buffers = [
        np.asarray(leaf.params[0], np.float32) if leaf.buffer is None else leaf.buffer
        for leaf in found.leaves
    ]
    failure, results = get_engine("reference").compile(close(found), "cpu")(
        buffers, [None] * len(found.outputs)
    )
    assert failure is None
    return [result.tolist() for result in results]


def rule(x, y):
    """Constants of both kinds, and a value that is used twice."""
    scaled = p.mul(x, p.constant(0.25, dtypes.float32))
    return [p.add(p.mul(scaled, scaled), p.constant(1, dtypes.float32)), p.sub(scaled, y)]


def test_a_built_graph_is_the_rule_s_graph():
    inputs = stand_ins((2,), (2,))
    template = Template(inputs, rule(*inputs))
    x, y = value(4.0, 8.0), value(1.0, 3.0)
    assert trace(template.build([x, y])).key == trace(rule(x, y)).key
    assert run(template.build([x, y])) == [[2.0, 5.0], [0.0, -1.0]]


def test_it_can_be_built_many_times_and_holds_no_value():
    inputs = stand_ins((1,), (1,))
    template = Template(inputs, rule(*inputs))
    for number in (4.0, 8.0):
        assert run(template.build([value(number), value(0.0)]))[1] == [number / 4]


def test_an_input_may_be_an_output():
    inputs = stand_ins((1,))
    template = Template(inputs, [inputs[0], p.neg(inputs[0])])
    x = value(3.0)
    same, opposite = template.build([x])
    assert same is x and opposite.inputs == (x,)
