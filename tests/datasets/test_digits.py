"""The digits, and the tutorial that learns to read them."""

import os
import pathlib
import subprocess
import sys

import numpy as np

from graphflow.datasets import load_digits

ROOT = pathlib.Path(__file__).parents[2]


def test_parts_are_disjoint_and_whole():
    train, test = load_digits()
    assert (len(train.labels), len(test.labels)) == (1438, 359)
    assert train.images.shape == (1438, 64)
    assert (train.images.dtype, train.labels.dtype) == (np.float32, np.int32)
    images = np.concatenate([train.images, test.images])
    assert (images.min(), images.max()) == (0, 1)
    counts = np.bincount(np.concatenate([train.labels, test.labels]))
    assert counts.tolist() == [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]


def test_tutorial_learns_to_read():
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, str(ROOT / "tutorials" / "digits_mlp.py"), "--epochs", "30"],
        capture_output=True, text=True, env=environment, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    accuracy = float(done.stdout.splitlines()[-1].split("accuracy ")[1].split()[0])
    assert done.stdout.splitlines()[-1].startswith("test: ")
    assert accuracy >= 97.0
