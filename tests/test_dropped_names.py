"""Scripts of TensorFlow 1.x's time run on today's Python, NumPy, SciPy and Pillow."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest

from graphflow import old_images

IMAGES = pytest.importorskip("PIL.Image")

SCRIPT = """
from collections import Iterable, OrderedDict
from fractions import gcd
import inspect, time
import numpy as np
import tensorflow as tf
from PIL import Image
from scipy.misc import imread, imresize, imsave

def f(a, b=2): pass

x = np.zeros((2, 3), np.float)
assert isinstance([], Iterable) and gcd(12, 18) == 6 and time.clock() >= 0
assert inspect.getargspec(f).args == ["a", "b"] and inspect.getargspec(f).defaults == (2,)
assert np.int is int and np.Inf == np.inf and np.product([2, 3]) == 6 and np.in1d([1, 5], [5])[1]
imsave("grey.png", np.arange(12).reshape(3, 4))
assert imread("grey.png").max() == 255 and imresize(imread("grey.png"), (6, 8)).shape == (6, 8)
assert Image.new("L", (4, 4)).resize((2, 2), Image.ANTIALIAS).size == (2, 2)
with tf.Session() as session:
    print([session.run(tf.reduce_sum(tf.constant(x + 0.5)))])
"""


def test_a_script_finds_the_names_of_its_time(tmp_path) -> None:
    (tmp_path / "old.py").write_text(SCRIPT)
    environment = {**os.environ, "CUDA_VISIBLE_DEVICES": ""}
    command = [sys.executable, "-m", "graphflow", "run", "old.py"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, env=environment)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "[3.0]\n"


def test_importing_graphflow_changes_no_more_than_packages_need() -> None:
    code = """
import collections, time
import numpy as np
import graphflow
from PIL import Image
assert collections.Iterable and Image.ANTIALIAS == Image.LANCZOS
assert not hasattr(time, "clock") and "float" not in vars(np)
assert Image.__spec__.loader is Image.__loader__ and Image.__file__
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


def test_images_are_scaled_to_bytes() -> None:
    assert old_images.bytescale([0.0, 1.0, 3.0]).tolist() == [0, 85, 255]
    assert old_images.bytescale([5, 5]).tolist() == [0, 0]
    assert old_images.bytescale([1.0, 2.0], cmin=0, cmax=4, high=200).tolist() == [50, 100]
    assert old_images.bytescale(np.uint8([1, 2])).tolist() == [1, 2]
    with pytest.raises(ValueError, match="cmin <= cmax"):
        old_images.bytescale([1.0], cmin=3, cmax=2)


def test_images_are_resized_by_size_percentage_and_factor() -> None:
    image = np.random.default_rng(0).integers(0, 256, (8, 6, 3)).astype(np.uint8)
    assert old_images.imresize(image, (4, 3)).shape == (4, 3, 3)
    assert old_images.imresize(image, 50).shape == (4, 3, 3)
    assert old_images.imresize(image, 1.5, "nearest").shape == (12, 9, 3)
    nearest = old_images.imresize(image, (16, 12), "nearest")
    np.testing.assert_array_equal(nearest[::2, ::2], image)
    first = old_images.imresize(image.transpose(2, 0, 1), (4, 3), "cubic")
    np.testing.assert_array_equal(first, old_images.imresize(image, (4, 3), "bicubic"))
    with pytest.raises(ValueError, match="interpolation"):
        old_images.imresize(image, 0.5, "linear")
    with pytest.raises(ValueError, match="3 or 4 channels"):
        old_images.toimage(np.zeros((5, 6, 7)))


def test_files_keep_their_pixels(tmp_path) -> None:
    image = np.random.default_rng(0).integers(0, 256, (5, 6, 4)).astype(np.uint8)
    old_images.imsave(tmp_path / "a.png", image)
    np.testing.assert_array_equal(old_images.imread(tmp_path / "a.png"), image)
    grey = old_images.imread(tmp_path / "a.png", flatten=True)
    assert (grey.dtype, grey.shape) == (np.float32, (5, 6))
    assert old_images.imread(tmp_path / "a.png", mode="RGB").shape == (5, 6, 3)
    assert old_images.imrotate(image, 90).shape == (5, 6, 4)
