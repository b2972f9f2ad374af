"""What holds of every folded, ordered and placed diagram."""

from __future__ import annotations

import time
from itertools import combinations, pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

import graphflow as tf
from graphflow.views.diagrams import graph_diagram
from graphflow.views.layout import Layout, layout_diagram, shortened, text_width
from graphflow.views.order import Bend, Port, arrange
from graphflow.views.scopes import Box, Link, make_diagram, opened_boxes

SLACK = 1e-6


def check_layout(layout: Layout) -> None:
    """Boxes lie in their parents, beside their siblings; lines end where they say."""
    for box in layout.opened:
        outer = layout.boxes[box]
        children = [layout.boxes[child] for child in box.children]
        for place in children:
            assert outer.x - SLACK <= place.x
            assert outer.y - SLACK <= place.y
            assert place.x + place.width <= outer.x + outer.width + SLACK
            assert place.y + place.height <= outer.y + outer.height + SLACK
        by_row = sorted(children, key=lambda p: p.y)
        for number, a in enumerate(by_row):
            for b in by_row[number + 1 :]:
                if b.y >= a.y + a.height - SLACK:
                    break
                assert a.x + a.width <= b.x + SLACK or b.x + b.width <= a.x + SLACK
    for line in layout.lines:
        for item, (x, y) in (
            (line.segment.source, line.points[0]), (line.segment.target, line.points[-1])
        ):  # fmt: skip
            if isinstance(item, Box):
                place = layout.boxes[item]
                assert place.x - SLACK <= x <= place.x + place.width + SLACK
                on_border = min(abs(y - place.y), abs(y - place.y - place.height))
                assert on_border < 1e-3
            else:
                assert isinstance(item, Port)


def check_rows(layout: Layout) -> None:
    """Segments lead from a higher row to a lower one, bend by bend."""
    for arrangement in arrange(layout.diagram, layout.opened).values():
        row_of = {item: n for n, row in enumerate(arrangement.rows) for item in row}
        assert len(row_of) == sum(map(len, arrangement.rows))
        assert set(arrangement.container.children) <= set(row_of)
        for segment in arrangement.segments:
            chain = [segment.upper, *segment.bends, segment.lower]
            rows = [row_of[item] for item in chain]
            assert rows == sorted(set(rows))
            assert segment.straight or len(rows) == rows[-1] - rows[0] + 1
            assert all(isinstance(bend, Bend) for bend in segment.bends)


def whole(diagram, depth=99, most=5000):
    return layout_diagram(diagram, opened_boxes(diagram, depth, most))


@st.composite
def diagrams(draw):
    count = draw(st.integers(0, 40))
    scopes = ["", "a", "a/b", "a/b/c", "d", "gradients", "gradients/a"]
    leaves = []
    for number in range(count):
        scope = draw(st.sampled_from(scopes))
        name = f"{scope}/op{number}" if scope else f"op{number}"
        leaves.append((scope, Box(name, f"op{number}", gradient=scope.startswith("grad"))))
    links = []
    if count:
        ends = st.tuples(st.integers(0, count - 1), st.integers(0, count - 1), st.booleans())
        for source, target, control in draw(st.lists(ends, max_size=80)):  # cycles among them
            links.append(Link(leaves[source][1], leaves[target][1], "float32[2]", control))
    return make_diagram("drawn", leaves, links, draw(st.sampled_from([3, 8, 100])))


@given(diagrams(), st.sampled_from([None, 0, 1, 2, 9]), st.sampled_from([5, 30, 500]))
def test_drawn_diagrams(diagram, depth, most):
    layout = layout_diagram(diagram, opened_boxes(diagram, depth, most))
    check_layout(layout)
    check_rows(layout)
    leaves = list(diagram.root.leaves())
    assert len(leaves) == len(set(leaves)) == diagram.root.count
    for leaf in leaves:  # in exactly one box that shows
        shown = [box for box in (*leaf.ancestors, leaf) if box in layout.boxes]
        closed = [box for box in shown if box not in layout.opened]
        assert len(closed) == 1


@given(diagrams())
def test_every_link_between_shown_boxes_has_a_line(diagram):
    layout = whole(diagram)
    for link in diagram.links:
        touching = [line for line in layout.lines if link in line.segment.links]
        if link.source is link.target:
            assert not touching
            continue
        assert any(line.segment.source is link.source for line in touching)
        assert any(line.segment.target is link.target for line in touching)
        for line in touching:  # where a line ends at a border, another goes on from there
            start = line.points[0]
            if line.segment.source is not link.source:
                assert any(
                    other is not line
                    and abs(other.points[-1][0] - start[0]) < 1e-6
                    and abs(other.points[-1][1] - start[1]) < 1e-6
                    for other in touching
                )


def test_an_operation_that_is_named_like_a_scope_goes_into_it():
    with tf.Graph().as_default() as graph:
        tf.identity(tf.constant(1.0, name="a"), name="b")
        tf.constant(2.0, name="b/c")
    (inner,) = [b for b in graph_diagram(graph.get_operations(), "").root.children if b.children]
    assert {child.name for child in inner.children} == {"b", "b/c"}


def test_a_leaf_alone_in_its_scopes_stands_for_them():
    leaves = [("a/b", Box("a/b/op", "op")), ("c", Box("c/one", "one")), ("c", Box("c/two", "two"))]
    diagram = make_diagram("", leaves, [])
    assert [box.label for box in diagram.root.children] == ["a/b/op", "c"]
    assert diagram.root.children[0] is leaves[0][1]


def test_gradients_and_updates_are_apart():
    with tf.Graph().as_default() as graph:
        w = tf.Variable([1.0], name="w")
        with tf.name_scope("train"):
            tf.train.GradientDescentOptimizer(0.1).minimize(tf.reduce_sum(w * w, name="loss"))
    root = graph_diagram(graph.get_operations(), "").root
    (section,) = [box for box in root.children if box.kind == "section"]
    assert root.children[-1] is section
    names = {leaf.name for leaf in section.leaves()}
    assert "w" not in names
    assert any("gradients" in name for name in names)
    assert root.count == len(graph.get_operations())


def test_loops_go_back_by_their_own_edge():
    with tf.Graph().as_default() as graph:
        tf.while_loop(lambda i: i < 3, lambda i: i + 1, [0])
    layout = whole(graph_diagram(graph.get_operations(), ""))
    check_layout(layout)
    turned = [line.segment for line in layout.lines if line.segment.turned]
    assert [segment.back for segment in turned] == [True]
    (line,) = [line for line in layout.lines if line.segment.back]
    assert line.points[0][1] > line.points[-1][1]


def test_straight_chains_are_straight():
    leaves = [("", Box(f"op{n}", f"op{n}")) for n in range(6)]
    links = [Link(a[1], b[1]) for a, b in pairwise(leaves)]
    layout = whole(make_diagram("", leaves, links))
    assert len({round(x, 3) for line in layout.lines for x, _ in line.points}) == 1


def test_labels_stand_apart_from_boxes_and_each_other():
    with tf.Graph().as_default() as graph:
        x = tf.placeholder(tf.float32, [None, 10])
        tf.add_n([tf.exp(x), tf.sin(x), tf.cos(x), x + 1.0])
    layout = whole(graph_diagram(graph.get_operations(), ""))
    labels = [line for line in layout.lines if line.label]
    assert len(labels) >= 5
    spans = []
    for line in labels:
        half = text_width(line.segment.label, 5.2) / 2
        x, y = line.label
        spans.append((x - half, x + half, y - 6, y + 6))
    spans += [
        (place.x, place.x + place.width, place.y, place.y + place.height)
        for box, place in layout.boxes.items()
        if box not in layout.opened
    ]
    for a, b in combinations(spans, 2):
        assert a[1] <= b[0] or b[1] <= a[0] or a[3] <= b[2] or b[3] <= a[2]


def test_an_empty_graph():
    layout = whole(graph_diagram([], "empty"))
    assert layout.diagram.root.count == 0
    assert layout.width > 0


def chain_of_layers(count: int) -> tf.Graph:
    with tf.Graph().as_default() as graph:
        values = [tf.placeholder(tf.float32, [None, 8])]
        layer = 0
        while len(graph.get_operations()) < count:
            with tf.name_scope(f"block{layer // 20}"), tf.name_scope(f"layer{layer}"):
                values.append(tf.tanh(values[-1] + values[layer * 7919 % len(values)]) * 2.0)
            layer += 1
    return graph


def test_thousands_of_operations_in_seconds():
    diagram = graph_diagram(chain_of_layers(5000).get_operations(), "")
    start = time.process_time()
    folded = layout_diagram(diagram, opened_boxes(diagram, None, 80))
    assert len(folded.boxes) <= 81
    many = layout_diagram(diagram, opened_boxes(diagram, None, 2000))
    assert 1000 < len(many.boxes) <= 2001
    assert time.process_time() - start < 20  # 2 s where nothing else runs
    check_layout(folded)
    check_layout(many)


@pytest.mark.parametrize("links", [0, 3000])
def test_thousands_of_boxes_without_scopes(links):
    leaves = [("", Box(f"op{n}", f"op{n}")) for n in range(2000)]
    joined = [Link(leaves[n * 31 % 1999][1], leaves[1 + n * 17 % 1999][1]) for n in range(links)]
    start = time.process_time()
    layout = whole(make_diagram("", leaves, joined, most=5000))
    assert time.process_time() - start < 30  # 4 s where nothing else runs
    check_layout(layout)
    folded = make_diagram("", leaves, joined)
    assert len(folded.root.children) <= 12
    assert [leaf.name for leaf in folded.root.leaves()] == [box.name for _, box in leaves]


def test_long_names_are_shortened():
    assert len(shortened("x" * 1000)) <= 30
    assert shortened("short") == "short"
    assert text_width("漢字") == 2 * text_width("ab")
