"""The command line in processes of its own."""

import json
import os
import shutil
import subprocess
import sys

import numpy as np
import pytest

import graphflow as tf
from graphflow.cli import main
from graphflow.cli.dump import DumpError, dump
from graphflow.cli.targets import load_target

SCRIPT = """
import sys
import numpy as np
import tensorflow as library
import tensorflow.compat.v1
import graphflow
from tensorflow.python.framework import ops
from tensorflow.python.ops import array_ops, nn_ops
from graphflow.graph import dtypes
from graphflow.graph.apply import Signature
from graphflow.ops.identity import placeholder
from graphflow.ops.random import random_uniform
from graphflow.ops.variables import Variable
from graphflow.ops import operators
from graphflow.runtime.session import Session

assert ops.get_default_graph is graphflow.get_default_graph
assert array_ops.reshape is graphflow.reshape
assert nn_ops.relu is graphflow.nn.relu
assert library is graphflow is tensorflow.compat.v1
x = placeholder(dtypes.float32, [3], name="x")
w = Variable([1.0, 2.0, 3.0], name="w")
y = w.assign_add(x * x + random_uniform([3], seed=1))
with Session() as session:
    session.run(w.initializer)
    for _ in range(2):
        print("result", session.run(y, {x: np.ones(3)}).shape, *sys.argv[1:])
"""


COMMANDS = ("run", "dump", "profile", "debug", "devices", "ops", "cache", "completion")


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    return tmp_path_factory.mktemp("cache")


@pytest.fixture
def command(tmp_path, cache):
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)

    def run(*arguments, script_text=None):
        if script_text is not None:
            script.write_text(script_text)
        filled = [str(script) if a == "SCRIPT" else a for a in arguments]
        environment = {**os.environ, "GRAPHFLOW_CACHE_DIR": str(cache)}
        return subprocess.run(
            [sys.executable, "-m", "graphflow.cli.main", *filled],
            capture_output=True, text=True, env=environment, timeout=120,
        )  # fmt: skip

    return run


def test_run_maps_tensorflow_and_passes_arguments(command):
    done = command("run", "--verify", "SCRIPT", "--flag", "7")
    assert done.returncode == 0, done.stderr
    assert done.stdout == "result (3,) --flag 7\n" * 2
    assert "verify: 3 runs agree" in done.stderr


def test_dump_prints_every_stage(command, tmp_path):
    expected = {
        "graph": "Placeholder()", "program": "update w = ", "rewritten": "program ",
        "groups": "group ", "kernels": "kernel k", "plan": "slot 0: ", "llvm": "define void",
        "asm": "ret",
    }  # fmt: skip
    done = command("dump", "--stage", "program", "--run", "2", "SCRIPT")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("# run 2 of 2")
    assert done.stdout.count("# run") == 1
    assert "result" in done.stderr
    script = tmp_path / "again.py"
    script.write_text(SCRIPT)
    target = load_target(str(script))
    for stage, text in expected.items():
        assert text in dump(target, stage), stage
    with pytest.raises(DumpError, match="2 runs were compiled"):
        dump(target, number=9)


def test_a_failing_script_is_reported_after_its_dump(command):
    done = command("dump", "SCRIPT", script_text=f"{SCRIPT}\nraise KeyError('of the script')\n")
    assert done.returncode == 1
    assert "kernel k" in done.stdout
    assert "KeyError: 'of the script'" in done.stderr
    assert "run_script" not in done.stderr
    assert command("run", "SCRIPT", script_text="import sys; sys.exit(3)").returncode == 3
    assert command("run", "missing.py").returncode == 2


def test_devices_and_help(capsys):
    assert main.main(["devices"]) == 0
    assert "/device:CPU:0" in capsys.readouterr().out
    assert main.main(["devices", "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts["processor"]["vector_bits"] >= 128
    assert {"graphflow", "python", "numpy", "llvm"} <= set(facts["versions"])
    for name in COMMANDS:
        with pytest.raises(SystemExit):
            main.main([name, "--help"])
        assert "example: graphflow" in capsys.readouterr().out


def test_the_cache_is_measured_and_cleared(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("GRAPHFLOW_CACHE_DIR", str(tmp_path))
    (tmp_path / "ab").mkdir()
    (tmp_path / "ab" / "abcd.o").write_bytes(b"x" * 2_000_000)
    (tmp_path / "notes.txt").write_text("kept")
    for action, text in [
        ("path", str(tmp_path)), ("size", "1 objects, 2.0 MB"), ("clear", "removed 1 objects"),
        ("size", "0 objects"),
    ]:  # fmt: skip
        assert main.main(["cache", action]) == 0
        assert capsys.readouterr().out.startswith(text)
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]


def test_profile_writes_a_table_a_page_and_a_trace(command, tmp_path):
    page, trace = tmp_path / "page.html", tmp_path / "trace.json"
    done = command("profile", "--html", str(page), "--trace", str(trace), "SCRIPT", "--flag")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("3 runs in ")
    assert "limits of this machine" in done.stdout
    assert "result (3,) --flag" in done.stderr
    assert page.read_text().startswith("<!DOCTYPE html>")
    assert json.loads(trace.read_text())["traceEvents"]
    data = json.loads(command("profile", "--json", "--top", "1", "SCRIPT").stdout)
    assert [p["runs"] for p in data["programs"]] == [1, 2]
    assert [len(p["steps"]) for p in data["programs"]] == [1, 1]


def test_profile_of_a_failing_script_and_of_none(command, tmp_path):
    done = command("profile", "SCRIPT", script_text=f"{SCRIPT}\nraise KeyError('of the script')\n")
    assert done.returncode == 1
    assert "program 1: " in done.stdout
    assert "KeyError: 'of the script'" in done.stderr
    done = command("profile", "SCRIPT", script_text="print('no run')")
    assert (done.returncode, done.stdout.splitlines()[-1]) == (0, "nothing ran")
    done = command("profile", str(tmp_path / "skript.py"))
    assert done.returncode == 2
    assert "did you mean" in done.stderr


@pytest.mark.parametrize("form", ["graph.pb", "model.meta", "saved"])
def test_profile_and_measured_drawing_of_a_graphs_file(form, tmp_path, capsys):
    target = str(tmp_path / form)
    with tf.Graph().as_default() as graph, tf.Session() as session:
        x = tf.placeholder(tf.float32, [None, 3], name="x")
        w = tf.get_variable("w", [3, 2])
        y = tf.matmul(x, w, name="y")
        session.run(w.initializer)
        if form == "saved":
            tf.saved_model.simple_save(session, target, {"x": x}, {"y": y})
        else:
            tf.train.Saver().save(session, str(tmp_path / "model"))
            (tmp_path / "graph.pb").write_bytes(graph.as_graph_def().SerializeToString())
    assert main.main(["profile", "--json", target]) == 0
    data = json.loads(capsys.readouterr().out)
    assert [p["runs"] for p in data["programs"]][-1] == 10
    assert "y" in data["programs"][-1]["steps"][0]["operations"]
    page = tmp_path / "y.html"
    assert main.main(["draw", "--profile", "--color", "time", "-o", str(page), target]) == 0
    assert "in 10 calls" in page.read_text()


def test_profile_of_one_run_with_values_from_files(tmp_path, capsys):
    with tf.Graph().as_default() as graph:
        x = tf.placeholder(tf.float32, [None, 2], name="x")
        tf.reduce_sum(tf.log(x) * tf.Variable([1.0, 2.0]), name="y")
        (tmp_path / "g.pb").write_bytes(graph.as_graph_def().SerializeToString())
    target, values = str(tmp_path / "g.pb"), tmp_path / "x.npy"
    np.save(values, np.ones([5, 2], np.float32))
    assert main.main(["profile", "--json", "--run", "2", "--feed", f"x={values}", target]) == 0
    (program,) = json.loads(capsys.readouterr().out)["programs"]
    assert program["number"] == 2
    assert program["memory"]["parts"]["feeds"] == 5 * 2 * 4
    for wrong, text in [
        (["--feed", f"z={values}"], "no 'z' to feed; the placeholders are: x"),
        (["--feed", f"x={tmp_path / 'none.npy'}"], "cannot read"),
        (["--run", "3"], "run 3 is asked for, but 2 were compiled"),
    ]:
        assert main.main(["profile", *wrong, target]) == 2
        assert text in capsys.readouterr().err
    np.save(values, np.ones([5, 3], np.float32))
    assert main.main(["profile", "--feed", f"x={values}", target]) == 2
    assert "Cannot feed value of shape (5, 3)" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main.main(["profile", "--feed", "x", target])
    assert "expected NAME=FILE" in capsys.readouterr().err


def test_a_name_in_runs_that_call_python_functions(tmp_path, capsys):
    (tmp_path / "calls.py").write_text(
        "import tensorflow as tf\n"
        "x = tf.placeholder(tf.float32, [])\n"
        "y = tf.Print(tf.add(x, 1.0, name='sum') * x, [x])\n"
        "tf.Session().run(y, {x: 1.0})\n"
    )
    assert main.main(["debug", "--watch", "sum", str(tmp_path / "calls.py")]) == 0
    err = capsys.readouterr().err
    assert err.count("[1]") == 1  # it prints once only
    assert "run 1: sum: float32[] 2" in err


def test_a_graph_that_does_not_run_is_not_profiled(tmp_path, capsys):
    with tf.Graph().as_default() as graph:
        tf.matmul(tf.placeholder(tf.float32), tf.ones([3, 3]), name="y")
        (tmp_path / "open.pb").write_bytes(graph.as_graph_def().SerializeToString())
    assert main.main(["profile", str(tmp_path / "open.pb")]) == 2
    assert "has no rank" in capsys.readouterr().err


def test_profile_of_a_function(tmp_path, monkeypatch, capsys):
    (tmp_path / "profiled_model.py").write_text(
        "import tensorflow as tf\n"
        "def build():\n"
        "    x = tf.placeholder(tf.float32, [None, 3])\n"
        "    return tf.reduce_sum(x * tf.Variable([1., 2., 3.]))\n"
    )
    monkeypatch.chdir(tmp_path)
    assert main.main(["profile", "--json", "profiled_model:build"]) == 0
    data = json.loads(capsys.readouterr().out)
    assert [p["runs"] for p in data["programs"]] == [1, 10]
    assert main.main(["profile", "profiled_model:built"]) == 2
    assert "did you mean build?" in capsys.readouterr().err
    assert main.main(["profile", "--html", "no/folder.html", "profiled_model:build"]) == 2
    with pytest.raises(SystemExit):
        main.main(["profile", "--top", "0", "profiled_model:build"])


FAULTY = """
import numpy as np, tensorflow as tf
x = tf.placeholder(tf.float32, [2], name="x")
y = tf.log(x, name="logarithm")
with tf.Session() as session:
    for k in (1, -1, 2):
        print(session.run(y, {x: np.full(2, k)}))
"""


def test_debug_stops_at_the_first_nan(command):
    done = command("debug", "--nan", "--verify", "--watch", "x", "SCRIPT", script_text=FAULTY)
    assert done.returncode == 1
    assert done.stdout == "[0. 0.]\n"
    assert "nan: run 2: logarithm (log) made 2 NaN out of finite values" in done.stderr
    assert "script.py:4" in done.stderr
    assert "run 2: x: float32[2] mean -1, deviation 0, from -1 to -1" in done.stderr
    assert "verify: 2 runs agree" in done.stderr
    done = command("debug", "--nan", "SCRIPT", script_text=SCRIPT)
    assert done.returncode == 0
    assert "nan: nothing found in 3 runs" in done.stderr


def test_debug_of_unknown_names_and_without_options(command):
    done = command("debug", "--watch", "logaritm:0", "SCRIPT", script_text=FAULTY)
    assert done.returncode == 2
    assert "no run computes 'logaritm:0'; did you mean logarithm" in done.stderr
    assert command("debug", "SCRIPT").returncode == 2


def test_one_operation(capsys):
    assert main.main(["ops", "MatMul"]) == 0
    shown = capsys.readouterr().out
    assert shown.startswith("MatMul\n  types     ")
    assert "\n  cpu       native\n  cuda      PTX\n  gradient  yes\n" in shown
    assert main.main(["ops", "--json", "MatMul"]) == 0
    (data,) = json.loads(capsys.readouterr().out)
    assert (data["name"], data["gradient"], data["stateful"]) == ("MatMul", "yes", False)
    assert main.main(["ops", "matmull"]) == 2
    assert "did you mean MatMul" in capsys.readouterr().err


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion(shell, capsys):
    assert main.main(["completion", shell]) == 0
    text = capsys.readouterr().out
    assert all(name in text for name in COMMANDS)
    assert "nan" in text
    if shutil.which(shell):
        done = subprocess.run([shell, "-n"], input=text, text=True, capture_output=True)
        assert done.returncode == 0, done.stderr


@pytest.mark.skipif(shutil.which("bash") is None, reason="needs bash")
def test_bash_completes_commands_and_options(capsys):
    main.main(["completion", "bash"])
    ask = 'COMP_WORDS=({}); COMP_CWORD={}; _graphflow; echo "${{COMPREPLY[@]}}"\n'
    script = capsys.readouterr().out + "".join(
        ask.format(words, words.count(" "))
        for words in (
            "graphflow pro",
            "graphflow profile --tr",
            "graphflow cache si",
            "graphflow dump --stage ker",
            "graphflow draw x.py --color ti",
        )
    )
    done = subprocess.run(["bash"], input=script, text=True, capture_output=True, cwd="/")
    assert done.stdout.splitlines() == ["profile", "--trace", "size", "kernels", "time"]


PRIVATE_IMPORTS = """
from tensorflow.core.framework import graph_pb2
from tensorflow.python import debug as tf_debug
from tensorflow.python.client import device_lib, timeline
from tensorflow.python.debug.wrappers.hooks import LocalCLIDebugHook
from tensorflow.core.protobuf import config_pb2
from tensorflow.python import keras
from tensorflow.python.framework import dtypes, errors_impl, ops, tensor_shape
from tensorflow.python.keras.layers import Dense
from tensorflow.python.ops import array_ops, rnn_cell, variable_scope as vs, variables
from tensorflow.python.ops.rnn import dynamic_rnn
from tensorflow.python.ops.variables import PartitionedVariable, VariableV1
from tensorflow.python.lib.io import file_io
from tensorflow.python.training import slot_creator
from tensorflow.python.training.moving_averages import assign_moving_average
assert slot_creator.create_zeros_slot and file_io.file_exists("/") and VariableV1(1.0).dtype
from tensorflow.python.platform import gfile, tf_logging as logging
from tensorflow.python.training import saver
import tensorflow as tf

assert callable(tf_debug.has_inf_or_nan) and tf_debug.LocalCLIDebugHook is LocalCLIDebugHook
assert device_lib.list_local_devices()[0].device_type == "CPU" and callable(timeline.Timeline)
assert vs.get_variable is tf.get_variable and variables.Variable is tf.Variable
assert rnn_cell.BasicLSTMCell is tf.nn.rnn_cell.BasicLSTMCell and dynamic_rnn is tf.nn.dynamic_rnn
assert Dense is tf.keras.layers.Dense and keras is not None
assert logging.info is tf.logging.info and gfile.Exists is tf.gfile.Exists
assert graph_pb2.GraphDef is tf.GraphDef and config_pb2.ConfigProto is tf.ConfigProto
assert errors_impl.OutOfRangeError is tf.errors.OutOfRangeError and saver.Saver is tf.train.Saver
assert tf.python.ops.array_ops.identity is array_ops.identity is tf.identity
assert ops.convert_to_tensor is tf.convert_to_tensor and dtypes.int32 is tf.int32
print("all there")
"""


def test_private_packages_are_found(command):
    done = command("run", "SCRIPT", script_text=PRIVATE_IMPORTS)
    assert done.returncode == 0, done.stderr
    assert "all there" in done.stdout
