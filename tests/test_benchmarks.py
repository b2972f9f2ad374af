"""The comparison's runner, with graphflow alone: its figures are there and equal NumPy's."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

BENCHMARKS = Path(__file__).parent.parent / "benchmarks"
COMPARE = BENCHMARKS / "compare.py"


def test_graphflow_agrees_with_numpy(tmp_path: Path) -> None:
    chosen = ["scalar_ten", "perceptron_small"]
    command = [
        sys.executable,
        str(COMPARE),
        "--peers",
        "graphflow",
        "--once",
        "--workloads",
        *chosen,
    ]
    brief = ["--rounds=1", "--seconds=0.01", f"--out={tmp_path / 'result'}"]
    subprocess.run([*command, *brief], check=True, timeout=120, stdout=subprocess.DEVNULL)
    measured = json.loads((tmp_path / "result.json").read_text())["workloads"]
    assert set(measured) == set(chosen)
    for records in measured.values():
        assert records["graphflow"]["agrees"]
        assert records["graphflow"]["median"] > 0
    assert "perceptron_small" in (tmp_path / "result.md").read_text()


def test_the_check_of_a_gpu_says_that_there_is_none(tmp_path: Path) -> None:
    command = [sys.executable, str(BENCHMARKS / "gpu" / "check.py"), str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 2, done.stderr
    assert done.stdout.startswith("no GPU: ")
    assert json.loads((tmp_path / "results.json").read_text())["facts"]["gpus"] == []
