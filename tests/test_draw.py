"""Views of a graph: what they say, and that the picture can be read."""

from __future__ import annotations

import itertools
import re
import textwrap
import xml.etree.ElementTree as ElementTree

import ml_dtypes
import numpy as np
import pytest

from gradatim.graph import primitives as p
from gradatim.graph.draw import to_dot, to_svg, to_text
from gradatim.graph.dtypes import bfloat16, bool_, float32, from_numpy_dtype, int64
from gradatim.graph.gradients import gradients
from gradatim.graph.layout import layered
from gradatim.graph.node import Node
from gradatim.graph.program import close, trace

SVG = "{http://www.w3.org/2000/svg}"


def value(array) -> Node:
    array = np.asarray(array)
    return p.value(array, array.shape, from_numpy_dtype(array.dtype))


def zeros(*shape: int) -> Node:
    return value(np.zeros(shape, np.float32))


def number(x: float) -> Node:
    return p.constant(x, float32)


def network(depth: int) -> tuple[Node, list[Node]]:
    """The loss of a small network, and its parameters."""
    hidden, parameters = zeros(8, 4), []
    for _ in range(depth):
        weight, bias = p.variable(zeros(4, 4)), p.variable(zeros(4))
        parameters += [weight, bias]
        hidden = p.relu(p.add(p.contract(hidden, weight, (1,), (1,)), bias))
    return p.sum_(p.mul(hidden, hidden), (0, 1)), parameters


def text(block: str) -> str:
    return textwrap.dedent(block).strip("\n")


# --- text -----------------------------------------------------------------------------------------


def test_text_lists_inputs_before_readers_and_lines_up_types():
    x, weight = zeros(2, 3), p.variable(zeros(5, 3))
    product = p.contract(x, weight, (1,), (1,))
    scaled = p.sub(p.relu(product), number(0.25))
    expected = """
        %0 = value                       : float32[2, 3]
        %1 = variable                    : float32[5, 3]
        %2 = contract(%0, %1, ij,kj->ik) : float32[2, 5]
        %3 = relu(%2)                    : float32[2, 5]
        %4 = sub(%3, 0.25)               : float32[2, 5]
        %5 = sum(%4, axes 0,1)           : float32[]
        return %5, %2
    """
    assert to_text([p.sum_(scaled, (0, 1)), product]) == text(expected)


def test_equal_graphs_have_equal_text():
    assert to_text([network(2)[0]]) == to_text([network(2)[0]])


def test_text_of_a_program_says_what_it_replaces():
    weight, gradient, rate = zeros(3), zeros(3), number(0.1)
    updated = p.sub(weight, p.mul(gradient, rate))
    program = close(trace([updated]), replaces=((0, 0),))
    expected = f"""
        program {program.digest[:12]}
        %0 = input 0     : float32[3]
        %1 = input 1     : float32[3]
        %2 = input 2     : float32[]
        %3 = mul(%1, %2) : float32[3]
        %4 = sub(%0, %3) : float32[3]
        return %4 in place of input 0
    """
    assert to_text(program) == text(expected)
    assert "output 0 in place of input 0" in to_svg(program)


def test_a_number_that_is_itself_an_output_has_a_line():
    assert to_text([number(3.0)]) == "%0 = constant 3 : float32[]\nreturn %0"


def test_a_value_read_by_a_variable_and_another_is_shown_with_both():
    x = zeros(2)
    assert "variable(%0)" in to_text([p.add(p.variable(x), x)])


def test_the_empty_graph():
    assert to_text([]) == "return"
    assert to_dot([]).startswith("digraph {") and to_dot([]).endswith("}")
    ElementTree.fromstring(to_svg([]))


@pytest.mark.parametrize(
    "make, call",
    [
        (lambda x: p.slice_(x, (1, 0), (3, 6), (1, 2)), "slice(%0, [1:3, ::2])"),
        (lambda x: p.pad(x, number(0.0), (1, 0), (0, -2)), "pad(%0, 0, by 1+0, 0+-2)"),
        (lambda x: p.permute(x, (1, 0)), "permute(%0, axes 1,0)"),
        (lambda x: p.argmax(x, 1), "argmax(%0, axis 1)"),
        (lambda x: p.reshape(x, (2, 12)), "reshape(%0)"),
        (lambda x: p.cast(x, int64), "cast(%0)"),
        (lambda x: p.select(p.gt(x, x), x, x), "select(%1, %0, %0)"),
        (lambda x: p.iota((3, 2), 1, int64), "iota axis 1"),
        (lambda x: p.full((2,), float("-inf"), float32), "expand(-inf)"),
        (lambda x: p.sort(x, 0, True)[1], "pick(%1, result 1)"),
        (
            lambda x: p.window_sum(x, (2, 3), (2, 2), (0, 1), (0, 0), (1, 1)),
            "window_sum(%0, window 2x3, stride 2, padding 0+0,1+0)",
        ),
        (
            lambda x: p.window_argmax(x, (2,), (1,), (0,), (0,), (2,)),
            "window_argmax(%0, window 2, dilation 2)",
        ),
        (
            lambda x: p.convolve(
                p.reshape(x, (1, 4, 2, 3)),
                p.reshape(x, (4, 2, 1, 3)),
                (2, 1),
                (1, 1),
                (1, 1),
                (1, 1),
                2,
            ),
            "convolve(%1, %2, stride 2x1, padding 1, groups 2)",
        ),
        (lambda x: p.update_slice(x, x, (), (1, 1)), "update_slice(%0, %0, (1, 1))"),
    ],
)
def test_how_parameters_are_written(make, call):
    assert call in to_text([make(zeros(4, 6))])


@pytest.mark.parametrize(
    "a, b, axes, equation",
    [
        ((2, 3), (3, 5), ((1,), (0,)), "ij,jk->ik"),
        ((3, 2), (3, 5), ((0,), (0,)), "ij,ik->jk"),
        ((7, 2, 3), (7, 3, 5), ((2,), (1,), (0,), (0,)), "ijk,ikl->ijl"),
        ((2, 3), (3, 2), ((0, 1), (1, 0)), "ij,ji->"),
        ((2,), (3,), ((), ()), "i,j->ij"),
    ],
)
def test_a_contraction_is_written_as_in_einsum(a, b, axes, equation):
    node = p.contract(zeros(*a), zeros(*b), *axes)
    assert f", {equation})" in to_text([node])
    assert np.einsum(equation, np.zeros(a), np.zeros(b)).shape == node.shape


@pytest.mark.parametrize(
    "array, shown",
    [
        (np.array(0.1), "= 0.1"),
        (np.array([1, 2, 3]), "= [1, 2, 3]"),
        (np.array([[True], [False]]), "= [True, False]"),
        (np.arange(100) - 50, "= -50 … 49"),
        (np.linspace(-1 / 3, 1, 7), "= -0.3333 … 1"),
        (np.array([np.nan, 2, 3, 4, 5.0]), "= 2 … 5, 1 NaN"),
        (np.full(9, np.nan), "= all NaN"),
        (np.array([True, False, True, False, False]), "= 2 of 5 true"),
        (np.empty((0, 3)), "= empty"),
        (np.array([1.5, 2], ml_dtypes.bfloat16), "= [1.5, 2]"),
    ],
)
def test_values_are_summed_up_on_request(array, shown):
    node = value(array)
    assert to_text([node], values=True).splitlines()[0].endswith(shown)
    assert "= " not in to_text([node]).split(":")[1]
    assert shown in to_svg([node], values=True)


def test_pending_nodes_have_no_value():
    pending = p.neg(value(np.array([7.0])))
    first, second, _ = to_text([pending], values=True).splitlines()
    assert first.endswith("= [7]")
    assert second == "%1 = neg(%0) : float64[1]"


# --- DOT ------------------------------------------------------------------------------------------


def test_dot_has_a_line_for_each_node_and_for_each_operand():
    x = zeros(2)
    expected = """
        digraph {
          node [shape=box, style="rounded,filled", fontname="monospace", fontsize=11];
          edge [color=gray40, arrowsize=0.6];
          n0 [label="value\\nfloat32[2]", fillcolor="#e5f3e7", color="#5f9a66"];
          n1 [label="neg\\nfloat32[2]", fillcolor="#e4effa", color="#5b8fc0"];
          n2 [label="sub\\nfloat32[2]\\noutput 0", BLUE, penwidth=2.5];
          n0 -> n1;
          n1 -> n2;
          n0 -> n2;
        }
    """
    blue = 'fillcolor="#e4effa", color="#5b8fc0"'
    assert to_dot([p.sub(p.neg(x), x)]) == text(expected).replace("BLUE", blue)


def test_dot_escapes_quotes_and_backslashes():
    odd = p.Primitive('odd"\\', "test")
    del p.PRIMITIVES[odd.name]
    node = Node(odd, (), (), (), float32)
    assert r'label="odd\"\\\nfloat32[]\noutput 0"' in to_dot([node])


# --- the picture ----------------------------------------------------------------------------------


def boxes(svg: str) -> list[tuple[float, float, float, float]]:
    """Left, top, right and bottom of each box."""
    groups = ElementTree.fromstring(svg).findall(f"{SVG}g")
    rects = [group.find(f"{SVG}rect") for group in groups]
    found = []
    for rect in rects:
        if rect is not None:
            x, y, width, height = (float(rect.get(k)) for k in ("x", "y", "width", "height"))
            found.append((x, y, x + width, y + height))
    return found


def test_svg_is_self_contained_and_says_what_text_says():
    loss, _ = network(1)
    svg = to_svg([loss])
    assert svg.count('stroke-width="2.6"') == 1  # the output
    root = ElementTree.fromstring(svg)
    tips = [title.text for title in root.findall(f"{SVG}g/{SVG}title")]
    assert tips == [re.sub(" +: ", " : ", line) for line in to_text([loss]).splitlines()[:-1]]
    labels = [label.text for label in root.iter(f"{SVG}text")]
    assert labels.count("variable") == 2
    assert "ij,kj->ik" in labels
    assert "output 0" in labels
    assert not re.search(r"href|url\(|@import", svg)


def test_boxes_do_not_overlap_and_lie_inside_the_picture():
    loss, parameters = network(6)
    found = gradients([loss], [number(1.0)])
    svg = to_svg([loss, *(found[parameter] for parameter in parameters)])
    places = boxes(svg)
    assert len(places) > 60
    root = ElementTree.fromstring(svg)
    for left, top, right, bottom in places:
        assert left >= 0 and top >= 0
        assert right <= float(root.get("width")) and bottom <= float(root.get("height"))
    for a, b in itertools.combinations(places, 2):
        assert a[2] < b[0] or b[2] < a[0] or a[3] < b[1] or b[3] < a[1], (a, b)


def test_texts_fit_their_boxes():
    wide = p.sort(zeros(3, 5), 1, True)[0]
    svg = to_svg([p.select(p.gt(wide, wide), wide, p.full((3, 5), -1.5, float32))], values=True)
    for group in ElementTree.fromstring(svg).findall(f"{SVG}g"):
        rect = group.find(f"{SVG}rect")
        if rect is None:
            continue
        top, height = float(rect.get("y")), float(rect.get("height"))
        for label in group.findall(f"{SVG}text"):
            assert len(label.text) * 7.22 + 12 < float(rect.get("width"))
            assert top + 8 < float(label.get("y")) < top + height - 3


def test_what_several_lines_share_is_drawn_once():
    x = zeros(2)
    chain = x
    for _ in range(5):
        chain = p.neg(chain)
    far = [p.add(chain, x), p.mul(chain, x)]  # both read x, across five layers
    paths = [path.get("d") for path in ElementTree.fromstring(to_svg(far)).iter(f"{SVG}path")]
    assert len(paths) == len(set(paths))


def test_a_multiplication_sign_or_a_smaller_than_is_escaped():
    odd = p.Primitive("<&>", "test")
    del p.PRIMITIVES[odd.name]
    svg = to_svg([Node(odd, (), (), (), float32)])
    assert "&lt;&amp;&gt;" in svg
    ElementTree.fromstring(svg)


def test_a_long_chain_needs_no_recursion():
    x = zeros(1)
    for _ in range(3000):
        x = p.neg(x)
    assert len(boxes(to_svg([x]))) == 3001


def test_dtypes_and_shapes_of_several_results_are_listed():
    node = p.sort(value(np.zeros((2, 3), ml_dtypes.bfloat16)), 0, False)[0]
    assert node.dtype is bfloat16
    assert "bfloat16[2, 3], int64[2, 3]" in to_svg([node])
    assert "bool[2]" in to_svg([p.not_(p.value(None, (2,), bool_))])


# --- the layout -----------------------------------------------------------------------------------

SMALL = (40.0, 20.0)


def test_a_box_stands_below_all_it_reads():
    reads = [[], [0], [0, 1], [], [2, 3]]
    layout = layered([SMALL] * 5, reads)
    for box, sources in enumerate(reads):
        for source in sources:
            assert layout.corners[source][1] + SMALL[1] < layout.corners[box][1]


def test_a_leaf_stands_just_above_its_reader():
    layout = layered([SMALL] * 5, [[], [0], [1], [], [2, 3]])
    assert layout.corners[3][1] == layout.corners[2][1]


def test_a_chain_is_straight():
    layout = layered([(40.0, 20.0), (90.0, 20.0), (60.0, 30.0)], [[], [0], [1]])
    assert {x + w / 2 for (x, _), w in zip(layout.corners, (40.0, 90.0, 60.0))} == {61.0}


def test_lines_leave_the_bottom_and_arrive_at_the_top_in_operand_order():
    layout = layered([SMALL, SMALL, SMALL], [[], [], [1, 0]])
    (x, y) = layout.corners[2]
    first, second = layout.paths
    assert first[-1] == pytest.approx((x + 40 / 3, y))
    assert second[-1] == pytest.approx((x + 80 / 3, y))
    assert first[0] == (layout.corners[1][0] + 20, layout.corners[1][1] + 20)


def test_operands_are_placed_so_that_lines_do_not_cross():
    layout = layered([SMALL, SMALL, SMALL], [[], [], [1, 0]])
    assert layout.corners[1][0] < layout.corners[0][0]


def test_a_line_that_passes_a_layer_stays_clear_of_its_boxes():
    # Box 3 reads 0 across the layers of 1 and 2.
    layout = layered([SMALL, (200.0, 20.0), (200.0, 20.0), SMALL], [[], [0], [1], [2, 0]])
    bends = layout.paths[-1][2:-2]
    assert len(bends) == 4  # in and out of two layers
    for x, y in bends:
        for (left, top), width in zip(layout.corners[1:3], (200.0, 200.0)):
            if top <= y <= top + 20:
                assert not left <= x <= left + width


def test_a_long_line_runs_straight_although_others_leave_it_on_the_way():
    # Box 0 is read at the head of the chain, and three times near its end.
    reads = [[], [0], [1], [2], [3], [4], [0, 5, 0], [6, 0], [7]]
    layout = layered([SMALL] * 9, reads)
    places = {x for x, _ in layout.paths[-2][2:-2]}
    assert max(places) - min(places) < 8


def test_a_box_with_more_to_read_than_readers_stays_up():
    # Sinking box 2 to box 4 would lengthen two lines and shorten one.
    layout = layered([SMALL] * 5, [[], [], [0, 1], [0], [3, 2]])
    layout_deep = layered([SMALL] * 6, [[], [], [0, 1], [0], [3], [4, 2]])
    assert layout.corners[2][1] == layout.corners[3][1]
    assert layout_deep.corners[2][1] == layout_deep.corners[3][1]
