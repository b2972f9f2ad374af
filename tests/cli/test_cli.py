"""The command line in processes of its own."""

import os
import subprocess
import sys

import pytest

SCRIPT = """
import sys
import numpy as np
import tensorflow as library
import tensorflow.compat.v1
import graphflow
from graphflow.graph import dtypes
from graphflow.graph.apply import Signature
from graphflow.ops.identity import placeholder
from graphflow.ops.random import random_uniform
from graphflow.ops.variables import Variable
from graphflow.ops import operators
from graphflow.runtime.session import Session

assert library is graphflow is tensorflow.compat.v1
x = placeholder(dtypes.float32, [3], name="x")
w = Variable([1.0, 2.0, 3.0], name="w")
y = w.assign_add(x * x + random_uniform([3], seed=1))
with Session() as session:
    session.run(w.initializer)
    for _ in range(2):
        print("result", session.run(y, {x: np.ones(3)}).shape, *sys.argv[1:])
"""


@pytest.fixture
def command(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)

    def run(*arguments, script_text=None):
        if script_text is not None:
            script.write_text(script_text)
        filled = [str(script) if a == "SCRIPT" else a for a in arguments]
        environment = {**os.environ, "GRAPHFLOW_CACHE_DIR": str(tmp_path / "cache")}
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


def test_dump_prints_every_stage(command):
    expected = {
        "graph": "Placeholder()", "program": "update w = ", "rewritten": "program ",
        "groups": "group ", "kernels": "kernel k", "plan": "slot 0: ", "llvm": "define void",
        "asm": "ret",
    }  # fmt: skip
    for stage, text in expected.items():
        done = command("dump", "--stage", stage, "SCRIPT")
        assert done.returncode == 0, done.stderr
        assert text in done.stdout, stage
        assert "result" in done.stderr
    one = command("dump", "--stage", "program", "--run", "2", "SCRIPT").stdout
    assert one.startswith("# run 2 of 2")
    assert one.count("# run") == 1
    assert command("dump", "--run", "9", "SCRIPT").returncode == 2


def test_a_failing_script_is_reported_after_its_dump(command):
    done = command("dump", "SCRIPT", script_text=f"{SCRIPT}\nraise KeyError('of the script')\n")
    assert done.returncode == 1
    assert "kernel k" in done.stdout
    assert "KeyError: 'of the script'" in done.stderr
    assert "run_script" not in done.stderr
    assert command("run", "SCRIPT", script_text="import sys; sys.exit(3)").returncode == 3
    assert command("run", "missing.py").returncode == 2


def test_devices_cache_and_help(command):
    assert "/device:CPU:0" in command("devices").stdout
    assert command("run", "SCRIPT").returncode == 0
    assert command("cache", "path").stdout.strip().endswith("cache")
    assert not command("cache", "size").stdout.startswith("0 objects")
    assert command("cache", "clear").stdout.startswith("removed ")
    assert command("cache", "size").stdout.startswith("0 objects")
    for name in ("run", "dump", "devices", "cache"):
        assert "example: graphflow" in command(name, "--help").stdout
