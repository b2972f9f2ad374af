"""The tutorials run and say what they should."""

import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

FOLDER = Path(__file__).parent.parent / "tutorials"
QUICK = {
    "control_flow": r"while_loop: .*111",
    "data_and_checkpoints": r"from step 120: loss 0\.\d+ to 0\.[0-2]",
    "gradients": r"finite differences agree: True",
    "graphs_and_sessions": r"a variable:   6",
    "inside_the_compiler": r"kernel k0_exp_log_reduce_max",
    "regression": r"by descent: +\[ 0\.99 -1\.99  0\. +2\.95\]",
    "tensorboard": r"wrote 12 kinds of summaries",
    "word2vec": r"nearest to cat: dog, horse\nnearest to bread: cheese, milk",
}
SLOW = {
    "autoencoder": r"epoch 60: squared error of held-out digits 0\.01",
    "digits_convnet": r"test accuracy 9[5-9]",
    "recurrent": r"epoch 15: test accuracy 9\d",
}


def run(name, folder, *arguments):
    done = subprocess.run(
        [sys.executable, str(FOLDER / f"{name}.py"), *arguments],
        capture_output=True, text=True, timeout=300, cwd=folder, env=dict(os.environ),
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("name", QUICK)
def test_quick_tutorials(name, tmp_path):
    assert re.search(QUICK[name], run(name, tmp_path))


@pytest.mark.slow
@pytest.mark.parametrize("name", SLOW)
def test_longer_tutorials(name, tmp_path):
    assert re.search(SLOW[name], run(name, tmp_path))


def test_the_page_lists_every_tutorial():
    page = (FOLDER / "README.md").read_text()
    missing = [p.name for p in FOLDER.glob("*.py") if f"({p.name})" not in page]
    assert not missing


def test_the_smile_exercise_goes_its_whole_way(tmp_path):
    image = pytest.importorskip("PIL.Image")
    random = np.random.RandomState(0)
    for label in (0, 1):
        (tmp_path / "data" / str(label)).mkdir(parents=True)
        for k in range(40):
            pixels = random.randint(0, 120, (60, 60, 3)).astype(np.uint8)
            pixels[20:40, :, label] += 100
            image.fromarray(pixels).save(tmp_path / "data" / str(label) / f"{k}.png")
    arguments = ["--data", str(tmp_path / "data"), "--steps", "60", "--batch", "16"]
    text = run("smile_cnn", tmp_path, *arguments)
    assert re.search(r"best test accuracy (9\d|100)", text)
    assert (tmp_path / "smile" / "smile.pb").exists()
    assert text.count("smiles with") == 3
