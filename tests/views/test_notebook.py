"""What notebooks show: pages in frames, texts, and a profile."""

from __future__ import annotations

import json
from html import unescape

import numpy as np
import pytest

import graphflow as tf
from graphflow.inspection import compile_fetches


@pytest.fixture(scope="module")
def fetches():
    with tf.Graph().as_default():
        x = tf.placeholder(tf.float32, [4, 3], name="x")
        yield tf.reduce_sum(tf.exp(x), 1, name="sums")


def framed(thing):
    html = thing._repr_html_()
    assert html.startswith('<iframe sandbox="allow-scripts"')
    return unescape(html)


def test_a_graph_shows_its_operations(fetches):
    assert '"sums"' in framed(fetches.graph)


def test_a_program_and_what_it_became_are_drawn(fetches):
    compilation = compile_fetches([fetches])[1]
    assert "reduce_sum f32[4]" in framed(compilation.products["rewritten"])
    page = framed(compilation)
    assert '"kernels"' in page
    assert '"plan":{' in page.replace(" ", "")


def test_kernels_and_plans_are_texts(fetches):
    products = compile_fetches([fetches])[1].products
    kernel = products["kernels"][0].kernel
    assert unescape(kernel._repr_html_()) == f'<pre style="font-family:monospace">{kernel}</pre>'
    assert "slot" in products["plan"]._repr_html_()


def test_a_profile(fetches, tmp_path):
    with tf.profiling("sums") as profile, tf.Session(graph=fetches.graph) as session:
        for _ in range(3):
            session.run(fetches, {"x:0": np.ones([4, 3])})
    assert repr(profile) == profile.table()
    assert "3 runs, " in repr(profile)
    assert "<title>graphflow profile</title>" in framed(profile)
    profile.save(tmp_path / "p.html")
    profile.save(tmp_path / "p.json")
    assert json.loads((tmp_path / "p.json").read_text())["traceEvents"]
    with pytest.raises(ValueError, match=r"ending in \.html or \.json, got '.*p\.txt'"):
        profile.save(tmp_path / "p.txt")
    with pytest.raises(ValueError, match="run 2 is asked for, but 1 were compiled"):
        profile.choose(2)
