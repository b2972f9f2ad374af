"""What `--help` says works when it is pasted."""

from __future__ import annotations

import argparse
import re
import shlex

import pytest

import graphflow as tf
from graphflow.cli import main

TRAIN = """
import argparse
import tensorflow as tf

parser = argparse.ArgumentParser()
parser.add_argument("--epochs", type=int, default=1)
x = tf.placeholder(tf.float32, [None, 3], name="x")
loss = tf.reduce_mean(tf.square(tf.layers.dense(x, 2)), name="loss")
train = tf.train.GradientDescentOptimizer(0.1).minimize(loss)
with tf.Session() as session:
    session.run(tf.global_variables_initializer())
    for epoch in range(parser.parse_args().epochs):
        print(epoch, session.run([loss, train], {x: [[1.0, 2.0, 3.0]]})[0])
"""


def _helps() -> dict[str, str]:
    parser = main._parser()
    (commands,) = (a for a in parser._actions if isinstance(a, argparse._SubParsersAction))
    return {"": parser.epilog, **{n: p.epilog for n, p in commands.choices.items()}}


def _examples() -> list[str]:
    found = []
    for epilog in _helps().values():
        found += re.findall(r"example: (graphflow .*?)(?: >> \S+)?(?:\.(?: |$)|$)", epilog or "")
    return found


def test_every_command_has_an_example():
    named = {example.split()[1] for example in _examples()}
    assert named >= set(_helps()) - {""}


@pytest.mark.parametrize("example", _examples())
def test_examples_work_when_pasted(example, tmp_path, monkeypatch, capsys):
    (tmp_path / "train.py").write_text(TRAIN)
    monkeypatch.chdir(tmp_path)
    if example.startswith("graphflow cache"):
        monkeypatch.setenv("GRAPHFLOW_CACHE_DIR", str(tmp_path / "cache"))
    with tf.Graph().as_default():
        assert main.main(shlex.split(example)[1:]) == 0
    shown = capsys.readouterr()
    made = set(tmp_path.iterdir()) - {tmp_path / "train.py"}
    assert shown.out or made
    for file in made:
        assert file.stat().st_size > 1000
