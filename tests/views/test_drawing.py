"""`gf.draw` and `graphflow draw`: what they write, and what they say to wrong requests."""

from __future__ import annotations

import builtins
import json
import xml.etree.ElementTree as ET

import numpy as np
import pytest

import graphflow as tf
from graphflow.cli import main
from graphflow.views.colours import COSTS, SCHEMES, Scheme, text_on
from graphflow.views.dot import dot_text
from graphflow.views.layout import layout_diagram
from graphflow.views.page import page_text, view_data
from graphflow.views.scopes import Box, Link, make_diagram, opened_boxes
from graphflow.views.svg import svg_text

HOSTILE = [
    "<script>alert(1)</script>", "</script><b>", "<!--", "-->", '"quotes" & \'more\'', "]]>",
    "x" * 5000, "漢字/テンソル", "\x00\x1f\ufffe", "\ud800", "🙂", "",
    "/", "//", "a//b", "(part 1 of 2)",
]  # fmt: skip


def hostile_diagram():
    leaves = [(n.rpartition("/")[0], Box(n, n.rpartition("/")[2], "op", n)) for n in HOSTILE]
    for _, box in leaves:
        box.details["made at"] = box.name
        box.kernel = box.device = box.name
    return make_diagram(HOSTILE[0], leaves, [Link(leaves[0][1], leaves[5][1], HOSTILE[0])])


@pytest.fixture
def fetches():
    with tf.Graph().as_default():
        x = tf.placeholder(tf.float32, [None, 4], name="x")
        with tf.name_scope("top"):
            y = tf.nn.softmax(tf.matmul(x, tf.ones([4, 3])), name="y")
        tf.constant(3.0, name="unused")
        yield y


def page_data(page: str):
    text = page.split('id="data">')[1].split("</script>")[0]
    return json.loads(text)


@pytest.mark.parametrize("scheme", SCHEMES)
def test_hostile_names_are_text(scheme):
    diagram = hostile_diagram()
    layout = layout_diagram(diagram, opened_boxes(diagram, None, 100))
    svg = svg_text(layout, scheme)
    svg.encode()
    root = ET.fromstring(svg)
    assert not [e for e in root.iter() if e.tag.endswith(("script", "}b"))]
    texts = [e.text for e in root.iter() if e.tag.endswith("title")]
    assert any(HOSTILE[0] in text for text in texts)
    dot_text(layout, scheme).encode()
    page = page_text(HOSTILE[1], {"graph": diagram}, "graph")
    page.encode()
    assert page.count("<script") == 3
    assert page.count("</script>") == 3
    assert "<b>" not in page
    names = {box["name"] for box in page_data(page)["views"]["graph"]["boxes"]}
    assert set(HOSTILE) <= names


def test_the_page_needs_no_network(fetches):
    page = tf.draw(fetches).html()
    assert "default-src 'none'" in page
    without = page.replace("http://www.w3.org/2000/svg", "")
    assert "http://" not in without
    assert "https://" not in without
    assert "src=" not in without
    assert "<!--" not in page
    data = page_data(page)
    assert set(data["views"]) == {"graph", "program", "kernels"}
    assert data["plan"]["slots"]
    assert len(data["plan"]["live"]) == data["plan"]["steps"]


def test_the_pages_scopes_are_consistent(fetches):
    data = view_data(tf.draw(fetches).diagram())
    for number, scope in data["scopes"].items():
        items = scope["items"]
        assert sorted(i for row in scope["rows"] for i in row) == list(range(len(items)))
        for kind, index in items:
            if kind == 0:
                assert data["boxes"][index]["parent"] == number
        for source, target, bends, *_, from_port, to_port in scope["segments"]:
            assert all(items[bend][0] == 2 for bend in bends)
            for item, port in ((source, from_port), (target, to_port)):
                if items[item][0] == 0 and items[item][1] in data["scopes"]:
                    assert data["scopes"][items[item][1]]["items"][port][0] == 1
                else:
                    assert port == -1


def test_fetches_are_compiled_and_tell_their_kernels(fetches):
    drawing = tf.draw(fetches)
    leaves = {leaf.name: leaf for leaf in drawing.diagram().root.leaves()}
    assert "unused" not in leaves
    assert leaves["top/y"].kernel.startswith("k")
    assert leaves["top/MatMul"].cost > leaves["x"].cost
    assert "unused" in {leaf.name for leaf in tf.draw().diagram().root.leaves()}
    kernels = {leaf.name.split("/")[-1] for leaf in drawing.diagram("kernels").root.leaves()}
    assert leaves["top/y"].kernel in kernels
    svg = tf.draw(fetches, stage="program", color="kernel")._repr_svg_()
    assert "matmul" in svg
    assert "sandbox=" in drawing._repr_html_()


def test_depth(fetches):
    assert len(tf.draw(depth=0)._layout().opened) == 1
    assert len(tf.draw(depth=1)._layout().opened) == 2


def test_files(fetches, tmp_path):
    drawing = tf.draw(fetches)
    for form in ("svg", "html", "dot"):
        drawing.save(tmp_path / f"out.{form}")
        assert (tmp_path / f"out.{form}").stat().st_size > 400
    dot = (tmp_path / "out.dot").read_text()
    assert dot.startswith("digraph {")
    assert dot.count("{") == dot.count("}")
    with pytest.raises(ValueError, match=r"expected a file ending in one of \.svg"):
        drawing.save(tmp_path / "out.gif")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["out.dot", "out.html", "out.svg"]


def test_a_missing_package_is_named(fetches, tmp_path, monkeypatch):
    real = builtins.__import__

    def without(name, *arguments, **options):
        if name == "cairosvg":
            raise ImportError("No module named 'cairosvg'")
        return real(name, *arguments, **options)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(ImportError, match=r"graphflow\[viz\]"):
        tf.draw(fetches).save(tmp_path / "out.png")


def test_png_and_pdf(fetches, tmp_path):
    pytest.importorskip("cairosvg", reason="png and pdf need the extra viz", exc_type=ImportError)
    tf.draw(fetches).save(tmp_path / "out.png")
    tf.draw(fetches).save(tmp_path / "out.pdf")
    assert (tmp_path / "out.png").read_bytes().startswith(b"\x89PNG")
    assert (tmp_path / "out.pdf").read_bytes().startswith(b"%PDF")


def test_costs_go_from_light_to_dark():
    boxes = [Box(str(n), str(n), cost=10.0**n) for n in range(4)] + [Box("none", "none")]
    scheme = Scheme("cost", boxes)
    assert scheme.fill(boxes[3]) == COSTS[-1]
    assert scheme.fill(boxes[4]) == COSTS[0]
    assert text_on(scheme.fill(boxes[3])) == "#ffffff"


def test_wrong_requests(fetches):
    with pytest.raises(ValueError, match="color is one of"):
        tf.draw(fetches, color="mood")
    with pytest.raises(ValueError, match="no kernels to draw"):
        tf.draw(tf.get_default_graph(), stage="kernels")


BUILD = """
import tensorflow as tf
x = tf.placeholder(tf.float32, [None, 4], name="x")
y = tf.layers.dense(x, 3, name="top")
with tf.Session() as session:
    session.run(tf.global_variables_initializer())
    session.run(y, {x: [[1.0, 2.0, 3.0, 4.0]]})
    print("ran")
"""


@pytest.fixture
def script(tmp_path):
    (tmp_path / "some_script.py").write_text(BUILD)
    return tmp_path / "some_script.py"


@pytest.mark.parametrize("stage", ["graph", "program", "kernels"])
def test_the_command(script, stage, capsys):
    out = script.parent / "out.svg"
    with tf.Graph().as_default():
        status = main.main(
            ["draw", "-o", str(out), "--stage", stage, "--color", "cost", str(script)]
        )
    assert status == 0
    ET.fromstring(out.read_text())
    assert capsys.readouterr().out == ""


def test_the_command_says_what_is_wrong(script, capsys):
    def failure(*arguments):
        with tf.Graph().as_default():
            assert main.main(["draw", *arguments]) == 2
        return capsys.readouterr().err

    folder = str(script.parent)
    assert "ending in one of" in failure("-o", f"{folder}/x.gif", str(script))
    assert "--run 9, but 2 runs" in failure("-o", f"{folder}/x.svg", "--run", "9", str(script))
    assert "did you mean" in failure("-o", f"{folder}/x.svg", f"{folder}/some_scrip.py")
    with pytest.raises(SystemExit):
        main.main(["draw", "-o", "x.svg", "--stage", "kernel", str(script)])
    assert "did you mean kernels?" in capsys.readouterr().err


def test_a_script_that_fails_is_drawn_as_far_as_it_came(script):
    script.write_text(BUILD + "raise RuntimeError('half-way')\n")
    out = script.parent / "out.svg"
    with tf.Graph().as_default():
        assert main.main(["draw", "-o", str(out), str(script)]) == 1
    assert "MatMul" in out.read_text()


def test_a_graph_that_does_not_compile_is_drawn(tmp_path, monkeypatch, capsys):
    (tmp_path / "open_rank.py").write_text(
        "import tensorflow as tf\ndef build():\n    return tf.exp(tf.placeholder(tf.float32))\n"
    )
    monkeypatch.chdir(tmp_path)
    assert main.main(["draw", "-o", "out.svg", "open_rank:build"]) == 0
    assert "Exp" in (tmp_path / "out.svg").read_text()
    assert main.main(["draw", "-o", "out.svg", "--stage", "program", "open_rank:build"]) == 2
    assert "has no rank" in capsys.readouterr().err


def test_large_graphs_are_drawn_one_stage_at_a_time(monkeypatch, fetches):
    monkeypatch.setattr("graphflow.views.drawing.MOST_TOGETHER", 3)
    assert list(tf.draw(fetches).makers) == ["graph"]
    assert list(tf.draw(fetches, "kernels").makers) == ["kernels"]
    compiled = tf.draw(fetches, color="cost").diagram()
    assert any(box.kernel for box in compiled.root.leaves())


def test_a_large_file_is_compiled_for_what_shows_that_only(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr("graphflow.views.drawing.MOST_TOGETHER", 1)
    with tf.Graph().as_default() as graph:
        tf.exp(tf.ones([2], name="ones"), name="y")
    tf.train.write_graph(graph, tmp_path, "g.pb", as_text=False)
    with monkeypatch.context() as patch:
        patch.setattr("graphflow.cli.targets.compile_until", None)
        assert main.main(["draw", str(tmp_path / "g.pb"), "-o", str(tmp_path / "g.html")]) == 0
    assert "the graph alone is drawn" in capsys.readouterr().err
    arguments = ["draw", str(tmp_path / "g.pb"), "-o", str(tmp_path / "g.svg")]
    assert main.main([*arguments, "--stage", "kernels"]) == 0


def test_the_plans_data():
    from graphflow.inspection import compile_fetches
    from graphflow.views.plan_view import plan_data

    with tf.Graph().as_default():
        x = tf.placeholder(tf.float32, [8, 4])
        compiled, _ = compile_fetches([tf.matmul(tf.exp(x), np.ones((4, 2), "f4"))])
    data = plan_data(compiled)
    assert all(s["first"] <= s["last"] < data["steps"] for s in data["slots"])
    assert len(data["names"]) == len(data["live"]) == data["steps"]


def test_the_plan_has_those_of_loops_and_branches(nested):
    plan = tf.draw(nested).plan
    titles = [inner["title"] for inner in plan["inner"]]
    assert [title.split()[0] for title in titles] == ["body", "then", "otherwise"]
    assert {title.split()[-1] for title in titles} < set(plan["names"])
    assert any("tanh" in name for name in plan["inner"][0]["names"])


@pytest.fixture
def nested():
    with tf.Graph().as_default():
        x = tf.placeholder(tf.float32, [4, 3], name="x")
        loop = tf.while_loop(
            lambda i, v: i < 3, lambda i, v: [i + 1, tf.tanh(v, name="bend") * 2.0], [0, x]
        )[1]
        taken = tf.cond(
            tf.reduce_sum(x) > 0,
            lambda: tf.matmul(loop, tf.ones([3, 3])),
            lambda: tf.matmul(tf.exp(loop), tf.ones([3, 3])),
        )
        yield tf.reduce_sum(taken, name="sum")


@pytest.mark.parametrize("stage", ["program", "kernels"])
def test_loops_and_branches_are_boxes_of_their_steps(nested, stage):
    diagram = tf.draw(nested, stage=stage).diagram()
    scopes = [b for b in diagram.root.boxes() if b.label.endswith(("while", "cond")) and b.children]
    parts = {b.label: b for box in scopes for b in box.children if b.children}
    assert set(parts) == {"body", "then", "otherwise"}
    for part in parts.values():
        leaves, owner = set(part.leaves()), part.name.rpartition("/")[0]
        # What is carried comes from outside, and the loop or the choice takes what comes of it.
        assert any(k.source not in leaves and k.target in leaves for k in diagram.links)
        assert any(k.source in leaves and k.target.name == owner for k in diagram.links)


def test_operations_in_loops_have_their_kernels(nested):
    boxes = {b.name: b for b in tf.draw(nested).diagram().root.boxes()}
    assert "tanh" in boxes["while/bend"].kernel
    assert boxes["while/bend"].cost > 0
