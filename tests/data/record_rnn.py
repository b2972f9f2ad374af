"""Records TensorFlow 1.15's answers to the scenarios of recurrent networks and of decoders."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import rnn_scenarios
import seq2seq_scenarios
import tensorflow as tf

found = {}
for name in rnn_scenarios.SCENARIOS:
    values, names, shapes = rnn_scenarios.answers(tf, name)
    found.update({f"{name}/value{k}": np.asarray(v) for k, v in enumerate(values)})
    found[f"{name}/names"], found[f"{name}/shapes"] = np.array(names), np.array(shapes)
np.savez_compressed(str(Path(__file__).parent / "tf115_rnn.npz"), **found)

found = {}
for name in seq2seq_scenarios.SCENARIOS:
    values, names = seq2seq_scenarios.answers(tf, name)
    found.update({f"{name}/value{k}": np.asarray(v) for k, v in enumerate(values)})
    found[f"{name}/names"] = np.array(names)
np.savez_compressed(str(Path(__file__).parent / "tf115_seq2seq.npz"), **found)
