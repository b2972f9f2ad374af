"""The command line in processes of its own."""

import os
import subprocess
import sys

import pytest

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
    for name in ("run", "dump", "devices", "cache"):
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


PRIVATE_IMPORTS = """
from tensorflow.core.framework import graph_pb2
from tensorflow.core.protobuf import config_pb2
from tensorflow.python import keras
from tensorflow.python.framework import dtypes, errors_impl, ops, tensor_shape
from tensorflow.python.keras.layers import Dense
from tensorflow.python.ops import array_ops, rnn_cell, variable_scope as vs, variables
from tensorflow.python.ops.rnn import dynamic_rnn
from tensorflow.python.platform import gfile, tf_logging as logging
from tensorflow.python.training import saver
import tensorflow as tf

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
