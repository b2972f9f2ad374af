"""What `graphflow dump` makes of scripts, functions, files and wrong names."""

from __future__ import annotations

import errno
import json
import os
import re

import networkx
import numpy as np
import pytest

import graphflow as tf
from graphflow.cli import main
from graphflow.cli.dump import DumpError, dump, needed_stage
from graphflow.cli.targets import TargetError, load_target
from graphflow.inspection import compile_fetches

BUILD = """
import tensorflow as tf

def network():
    x = tf.placeholder(tf.float32, [None, 4], name="x")
    return tf.nn.softmax(tf.layers.dense(x, 3, name="top"))
"""


@pytest.fixture
def function(tmp_path, monkeypatch):
    (tmp_path / "some_model.py").write_text(BUILD)
    monkeypatch.chdir(tmp_path)
    return load_target("some_model:network")


def test_a_function_is_compiled_without_running(function):
    assert function.kind == "function"
    text = dump(function, "program")
    assert text.startswith("# run 1 of 1: program\nprogram main(%x: f32[batch~64,4]")
    assert "kernel k" in dump(function, "kernels")
    assert ".visible .entry" in dump(function, "ptx", gpu="sm_90")
    assert text == dump(load_target("some_model:network"), "program")


def test_formats(function):
    network = json.loads(dump(function, "graph", form="json"))
    assert {"id", "type", "line"} <= set(network["nodes"][0])
    (run,) = json.loads(dump(function, "rewritten", form="json"))["runs"]
    assert run["edges"]
    (run,) = json.loads(dump(function, "kernels", form="json"))["runs"]
    assert all("text" in kernel for kernel in run if kernel["kind"] == "loops")
    assert dump(function, "program", form="dot").count("digraph {") == 1
    with pytest.raises(DumpError, match="stage plan is no graph"):
        dump(function, "plan", form="dot")


@pytest.mark.parametrize(
    ("asked", "last"),
    [("program", "program"), ("rewritten", "rewritten"), ("kernels", "kernels"), ("plan", "plan")],
)
def test_nothing_is_compiled_further_than_shown(function, asked, last):
    target = load_target("some_model:network", until=needed_stage(asked, None, False))
    assert list(target.compilations[0].products)[-1] == last
    assert dump(target, asked) == dump(function, asked)


def test_why_tells_an_operations_story(function):
    text = dump(function, why="top/BiasAdd")
    assert "top/BiasAdd:\n  made at " in text
    assert "computed by" in text
    with pytest.raises(DumpError, match=r"did you mean .*top/BiasAdd"):
        dump(function, why="top/BaisAdd")


def test_diff_shows_what_passes_changed(tmp_path, monkeypatch):
    (tmp_path / "twice.py").write_text(
        "import tensorflow as tf\n"
        "def build():\n"
        "    x = tf.placeholder(tf.float32, [5])\n"
        "    return tf.log(tf.exp(x) / tf.reduce_sum(tf.exp(x)))\n"
    )
    monkeypatch.chdir(tmp_path)
    text = dump(load_target("twice:build"), diff=True)
    assert "+++ stabilise" in text
    assert "reduce_max" in text


@pytest.fixture
def loops(tmp_path, monkeypatch):
    (tmp_path / "looping.py").write_text(
        "import tensorflow as tf\n"
        "def build():\n"
        "    x = tf.placeholder(tf.float32, [4, 3], name='x')\n"
        "    step = lambda i, v: [i + 1, tf.log(1 + tf.tanh(v, name='bend'), name='logs')]\n"
        "    loop = tf.while_loop(lambda i, v: i < 3, step, [0, x])[1]\n"
        "    right = lambda: tf.matmul(loop, tf.ones([3, 3]), name='right')\n"
        "    left = lambda: tf.matmul(tf.exp(loop), tf.ones([3, 3]), name='left')\n"
        "    few = tf.cond(x[0, 0] > 0, lambda: tf.exp(x, name='few'), lambda: x)\n"
        "    return tf.cond(x[0, 0] > 0, right, left) + few\n"
    )
    monkeypatch.chdir(tmp_path)
    return load_target("looping:build")


def test_why_goes_into_loops_and_branches(loops):
    text = dump(loops, why="while/bend")
    assert "becomes %bend: f32[4,3] = tanh in body of %" in text
    assert "computed by loops" in text
    assert "rule log_of_one_plus: log f32[4,3]" in dump(loops, why="while/logs")
    assert "= matmul in otherwise of %" in dump(loops, why="cond_1/left")
    assert "becomes %few: f32[4,3] = exp\n" in dump(loops, why="cond/few")  # computed in any case


def test_diff_tells_passes_over_loops_apart(loops):
    text = dump(loops, diff=True)
    assert re.search(r"^\+\+\+ while/while_context\S* \(1\): stabilise$", text, re.MULTILINE)
    assert "\n-  %logs: f32[4,3] = log(" in text
    assert "--- specialise\n+++ loops and branches\n" in text


def test_the_plan_shows_those_of_loops_and_branches(loops):
    text = dump(loops, "plan")
    for part in ("body", "then", "otherwise"):
        assert re.search(rf"^{part} of k\d+_\w+:\n  step 0: ", text, re.MULTILINE)
    data = json.loads(dump(loops, "plan", form="json"))["runs"][0]
    assert len(data["inner"]) == 3


def test_files_of_models(tmp_path):
    with tf.Graph().as_default() as graph, tf.Session() as session:
        x = tf.placeholder(tf.float32, [None, 4], name="x")
        y = tf.identity(tf.layers.dense(x, 3), name="y")
        session.run(tf.global_variables_initializer())
        saver = tf.train.Saver()
        prefix = saver.save(session, str(tmp_path / "model"))
        frozen = tf.graph_util.convert_variables_to_constants(session, graph.as_graph_def(), ["y"])
        (tmp_path / "frozen.pb").write_bytes(frozen.SerializeToString())
        tf.saved_model.simple_save(session, str(tmp_path / "saved"), {"x": x}, {"y": y})
    for name in ("frozen.pb", "model.meta", "saved"):
        text = dump(load_target(str(tmp_path / name)), "program")
        assert "matmul(" in text, name
    for name in (prefix, f"{prefix}.index", str(tmp_path)):
        assert "dense/kernel: float32[4, 3]  mean" in dump(load_target(name))


def test_a_script_that_fails_still_dumps(tmp_path, capsys):
    script = tmp_path / "fails.py"
    script.write_text(
        "import tensorflow as tf\n"
        "print(tf.Session().run(tf.constant([1.0]) * 2))\n"
        "raise KeyError(7)\n"
    )
    status = main.main(["dump", "--stage", "program", str(script)])
    printed = capsys.readouterr()
    assert status == 1
    assert "program main()" in printed.out
    assert "KeyError: 7" in printed.err


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("some_model:netwrk", "did you mean network"),
        ("no_such_module:f", "no module 'no_such_module'"),
        ("some_modle.py", "did you mean some_model.py"),
        ("/nowhere/at/all.py", "there is no folder"),
    ],
)
def test_wrong_names(function, name, text):
    with pytest.raises(TargetError, match=text):
        load_target(name)


def test_wrong_options(capsys):
    with pytest.raises(SystemExit) as stop:
        main.main(["dump", "--stage", "kernel", "x.py"])
    assert stop.value.code == 2
    assert "did you mean kernels?" in capsys.readouterr().err
    assert main.main(["dump", "missing.py"]) == 2


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["dmp", "x.py"], "no 'dmp'; did you mean dump? there are run, dump"),
        (["cache", "siz"], "no 'siz'; did you mean size? there are path, size, clear"),
        (["completion", "bsh"], "did you mean bash?"),
        (["draw", "--depth", "a", "-o", "x.svg", "x.py"], "expected 0 or more, got a"),
    ],
)
def test_wrong_words_have_near_matches(arguments, text, capsys):
    with pytest.raises(SystemExit, match="2"):
        main.main(arguments)
    assert text in capsys.readouterr().err


@pytest.mark.parametrize(
    "options",
    [["dump", "-o"], ["draw", "-o"], ["profile", "--html"], ["profile", "--trace"]],
)
def test_a_missing_folder_is_told_before_the_script_runs(options, tmp_path, capsys):
    (tmp_path / "script.py").write_text("raise SystemError('it ran')\n")
    wanted = str(tmp_path / "nowhere" / "out.svg")
    assert main.main([*options, wanted, str(tmp_path / "script.py")]) == 2
    err = capsys.readouterr().err
    assert f"there is no such folder: {str(tmp_path / 'nowhere')!r}" in err
    assert "it ran" not in err


def test_a_file_that_is_no_graph(tmp_path):
    (tmp_path / "junk.pb").write_bytes(b"\xff\xff\xffnot a graph")
    with pytest.raises(TargetError, match="is not a GraphDef"):
        load_target(str(tmp_path / "junk.pb"))


def test_a_full_disk_leaves_what_was_there(tmp_path, monkeypatch, capsys, function):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    path = tmp_path / "out.txt"
    path.write_text("before")
    monkeypatch.setattr(os, "replace", full)
    assert main.main(["dump", "-o", str(path), "some_model:network"]) == 2
    assert capsys.readouterr().err.endswith(f"No space left on device: {str(path)!r}\n")
    assert path.read_text() == "before"
    assert not list(tmp_path.glob(".out.txt*"))


def test_output_is_whole_or_not_there(tmp_path, function):
    target = tmp_path / "out.txt"
    assert main.main(["dump", "some_model:network", "-o", str(target)]) == 0
    assert "kernel k" in target.read_text()
    assert main.main(["dump", "some_model:network", "-o", str(tmp_path / "no" / "out.txt")]) == 2
    assert [p.name for p in tmp_path.iterdir() if p.name.startswith(".")] == []


def test_networks(function):
    graph = function.graph.to_networkx()
    assert graph.nodes["top/MatMul"]["type"] == "MatMul"
    assert networkx.has_path(graph, "x", "top/BiasAdd")
    edge = graph.get_edge_data("x", "top/MatMul")[0]
    assert (edge["dtype"], edge["shape"], edge["control"]) == ("float32", "[?,4]", False)
    program = function.compilations[0].products["program"].to_networkx()
    assert networkx.is_directed_acyclic_graph(program)
    assert {d["op"] for _, d in program.nodes(data=True)} >= {"matmul", "input"}


def test_compiling_without_running_asks_for_what_it_needs():
    with tf.Graph().as_default():
        x = tf.placeholder(tf.float32, name="x")
        with pytest.raises(ValueError, match="placeholder 'x' has no rank"):
            compile_fetches([x * 2])
        compiled, _ = compile_fetches([x * 2], {"x": (3, 4)})
        assert compiled.program.outputs[0].shape == (3, 4)
        called = tf.py_func(lambda a: a, [tf.constant(np.zeros(3, np.float32))], tf.float32)
        with pytest.raises(tf.errors.UnimplementedError, match="cuts the run"):
            compile_fetches([called + 1])
