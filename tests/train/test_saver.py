"""Checkpoints, MetaGraphs and GraphDefs: written, read back, and refused when damaged."""

from __future__ import annotations

import errno
import os
import pathlib
import signal
import subprocess
import sys

import numpy as np
import pytest

import graphflow as tf
from graphflow import protos
from graphflow.checkpoint import bundle
from graphflow.checkpoint.bundle import BundleReader, write_bundle
from graphflow.checkpoint.crc32c import crc32c
from graphflow.train.saveables import SaveableObject, SaveSpec

DATA = pathlib.Path(__file__).parent.parent / "data"


@pytest.fixture(autouse=True)
def fresh_graph():
    with tf.Graph().as_default():
        yield


def test_checksum_of_the_standard():
    assert crc32c(b"123456789") == 0xE3069283  # RFC 3720, appendix B.4 has the polynomial
    assert crc32c(b"6789", crc32c(b"12345")) == 0xE3069283
    assert crc32c(b"") == 0


def test_checkpoint_of_tensorflow():
    reader = tf.train.NewCheckpointReader(str(DATA / "tf115_checkpoint"))
    assert reader.get_variable_to_shape_map() == {"a/w": [2, 2], "g": [], "s": [3]}
    assert reader.get_variable_to_dtype_map()["g"] is tf.int64
    assert reader.get_tensor("a/w").tolist() == [[1, 2], [3, 4]]
    assert reader.get_tensor("g") == 7
    assert reader.get_tensor("s").tolist() == [b"hello", b"", b"w" * 300]


def test_every_type_and_many_names(tmp_path):
    random = np.random.default_rng(0)
    tensors = {f"layer_{k}/w": random.random((3, k), np.float32) for k in range(100)}
    for name in ("float16", "float64", "int8", "uint16", "int64", "bool", "complex64"):
        tensors[name] = np.arange(4).reshape(2, 2).astype(name)
    tensors["text"] = np.array([[b"ab", b""], [b"\xff", b"x" * 500]], object)
    tensors["scalar"] = np.float32(1.5)
    path = str(tmp_path / "all")
    write_bundle(path, tensors)
    reader = BundleReader(path)
    assert set(reader.entries) == set(tensors)
    for name, array in tensors.items():
        np.testing.assert_array_equal(reader.read(name), array)


def test_save_and_restore(tmp_path):
    w = tf.get_variable("w", [3, 2])
    step = tf.train.get_or_create_global_step()
    saver = tf.train.Saver(max_to_keep=2)
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        kept = session.run(w)
        for number in (1, 2, 3):
            session.run(step.assign(number))
            path = saver.save(session, str(tmp_path / "model"), global_step=step)
        assert path == str(tmp_path / "model-3")
        assert saver.last_checkpoints == [str(tmp_path / f"model-{k}") for k in (2, 3)]
        assert not tf.train.checkpoint_exists(str(tmp_path / "model-1"))
        session.run(w.assign(tf.zeros([3, 2])))
        saver.restore(session, tf.train.latest_checkpoint(str(tmp_path)))
        np.testing.assert_array_equal(session.run(w), kept)
        assert session.run(step) == 3
    state = tf.train.get_checkpoint_state(str(tmp_path))
    assert state.model_checkpoint_path == path
    assert len(state.all_model_checkpoint_paths) == 2


def test_names_and_parts(tmp_path):
    whole = tf.get_variable("p", [4, 2], partitioner=tf.fixed_size_partitioner(2))
    other = tf.Variable([1.0, 2.0], name="other")
    path = str(tmp_path / "m")
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        saver = tf.train.Saver({"p": whole, "renamed": other})
        saver.save(session, path)
        expected = session.run(tf.convert_to_tensor(whole))
        names = dict(tf.train.list_variables(path))
        assert names == {"p": [4, 2], "renamed": [2]}
        for part in whole:
            session.run(part.assign(part * 0.0))
        saver.restore(session, path)
        np.testing.assert_array_equal(session.run(tf.convert_to_tensor(whole)), expected)


def test_a_variable_that_the_checkpoint_lacks_or_has_otherwise(tmp_path):
    path = str(tmp_path / "m")
    write_bundle(path, {"a": np.zeros([2, 3], "f")})
    a = tf.get_variable("a", [3, 2])
    first = tf.train.Saver([a])
    reshaping = tf.train.Saver([a], reshape=True)
    b = tf.get_variable("b", [1])
    second = tf.train.Saver([a, b])
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        before = session.run(a)
        with pytest.raises(tf.errors.InvalidArgumentError):
            first.restore(session, path)
        with pytest.raises(tf.errors.NotFoundError, match="b"):
            second.restore(session, path)
        np.testing.assert_array_equal(session.run(a), before)
        reshaping.restore(session, path)
        assert not session.run(a).any()
        with pytest.raises(ValueError, match="valid checkpoint"):
            first.restore(session, path + "x")


def read_all(path):
    reader = tf.train.NewCheckpointReader(path)
    return [reader.get_tensor(name) for name in reader.get_variable_to_shape_map()]


@pytest.mark.parametrize("place", [3, 60, -60, -5])
def test_damaged_files(tmp_path, place):
    path = str(tmp_path / "m")
    write_bundle(path, {f"v{k}": np.full([10], k, "f") for k in range(9)})
    for suffix in (".index", ".data-00000-of-00001"):
        file = tmp_path / f"m{suffix}"
        good = file.read_bytes()
        for data in (good[:place], good[:place] + bytes([good[place] ^ 1]) + good[place:][1:]):
            file.write_bytes(data)
            with pytest.raises((tf.errors.DataLossError, tf.errors.UnimplementedError)):
                read_all(path)
        file.write_bytes(good)


def test_errors_of_the_constructor(tmp_path):
    with pytest.raises(ValueError, match="No variables to save"):
        tf.train.Saver()
    v = tf.get_variable("v", [1])
    saver = tf.train.Saver()
    with tf.Session() as session:
        session.run(v.initializer)
        with pytest.raises(ValueError, match="Parent directory"):
            saver.save(session, str(tmp_path / "no" / "no" / "m"), write_meta_graph=False)
        assert saver.save(session, str(tmp_path / "new" / "m"), write_meta_graph=False)


@pytest.mark.parametrize("folder", ["run", "./run/inner/"])
@pytest.mark.parametrize("relative", [False, True])
def test_relative_folders(tmp_path, monkeypatch, folder, relative):
    monkeypatch.chdir(tmp_path)
    os.makedirs(folder)
    v = tf.get_variable("v", [1])
    saver = tf.train.Saver(save_relative_paths=relative)
    with tf.Session() as session:
        session.run(v.initializer)
        for step in (1, 2):
            saver.save(session, os.path.join(folder, "m"), step, write_meta_graph=False)
    with open(os.path.join(folder, "checkpoint")) as file:
        assert file.read().splitlines() == [
            'model_checkpoint_path: "m-2"', 'all_model_checkpoint_paths: "m-1"',
            'all_model_checkpoint_paths: "m-2"',
        ]  # fmt: skip
    assert tf.train.latest_checkpoint(folder) == os.path.join(folder, "m-2")


class Doubled(SaveableObject):
    """A variable saved as two tensors, which are added when it is restored."""

    def __init__(self, variable):
        halves = [variable / 2.0, variable / 2.0]
        specs = [SaveSpec(half, "", f"{variable.op.name}/{k}") for k, half in enumerate(halves)]
        super().__init__(variable, specs, variable.op.name)

    def restore(self, restored_tensors, restored_shapes):
        return self.op.assign(restored_tensors[0] + restored_tensors[1])


def test_objects_of_the_user_are_saved(tmp_path):
    v = tf.get_variable("v", initializer=3.0)
    w = tf.get_variable("w", initializer=1.0)
    saver = tf.train.Saver([w, Doubled(v)])
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        path = saver.save(session, str(tmp_path / "m"))
        session.run([v.assign(0.0), w.assign(0.0)])
        saver.restore(session, path)
        assert session.run([v, w]) == [3.0, 1.0]
    found = dict(tf.train.list_variables(path))
    assert found == {"v/0": [], "v/1": [], "w": []}


def test_imported_names_are_taken():
    with tf.Graph().as_default() as first:
        tf.global_variables_initializer()
        tf.constant(1.0, name="c")
    tf.import_graph_def(first.as_graph_def(), name="")
    assert tf.global_variables_initializer().name == "init_1"
    assert tf.constant(2.0, name="c").op.name == "c_1"


def model():
    x = tf.placeholder(tf.float32, [None, 4], name="x")
    w = tf.get_variable("w", [4, 3])
    y = tf.nn.softmax(tf.matmul(x, w))
    loop = tf.while_loop(lambda i, s: i < 3, lambda i, s: (i + 1, s * 2.0), [0, tf.reduce_sum(y)])
    z = tf.cond(loop[1] > 3.0, lambda: loop[1] + 1.0, lambda: loop[1])
    return tf.identity(tf.concat([y, y], 1), name="y"), tf.identity(z, name="z")


def test_graph_as_message_and_back():
    fetches = model()
    feed = np.ones([2, 4], "f")
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        expected = session.run(fetches, {"x:0": feed})
        w = session.run("w:0")
    proto = tf.get_default_graph().as_graph_def()
    again = protos.GraphDef.FromString(proto.SerializeToString())
    with tf.Graph().as_default() as graph, tf.Session() as session:
        y, z = tf.import_graph_def(again, return_elements=["y:0", "z"], name="net")
        assert y.name == "net/y:0"
        values = session.run([y, z.outputs[0]], {"net/x:0": feed, "net/w/read:0": w})
        for one, other in zip(values, expected, strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-6)
        types = [op.type for op in graph.get_operations()]
    assert sorted(types) == sorted(node.op for node in proto.node)


def test_graph_messages_that_are_wrong():
    def graph(*nodes):
        proto = protos.GraphDef()
        for name, op, inputs in nodes:
            proto.node.add(name=name, op=op, input=inputs).attr["T"].type = 1
        return proto

    with pytest.raises(ValueError, match="Op type not registered 'Nothing'"):
        tf.import_graph_def(graph(("a", "Nothing", [])))
    with pytest.raises(ValueError, match="Unknown input node"):
        tf.import_graph_def(graph(("a", "Identity", ["b"])))
    with pytest.raises(ValueError, match="cycle"):
        tf.import_graph_def(graph(("a", "Neg", ["b"]), ("b", "Neg", ["a"])))
    nodes = graph(("a", "Neg", ["c"]), ("b", "Neg", ["a:3"]))
    with pytest.raises(ValueError, match="invalid output"):
        tf.import_graph_def(nodes, input_map={"c:0": tf.constant(1.0)})
    with pytest.raises(TypeError, match="GraphDef"):
        tf.import_graph_def(3)


def test_meta_graph(tmp_path):
    model()
    saver = tf.train.Saver()
    tf.add_to_collection("things", tf.get_default_graph().get_tensor_by_name("y:0"))
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        path = saver.save(session, str(tmp_path / "m"))
        w = session.run("w:0")
    with tf.Graph().as_default(), tf.Session() as session:
        loaded = tf.train.import_meta_graph(path + ".meta")
        loaded.restore(session, path)
        (v,) = tf.trainable_variables()
        np.testing.assert_array_equal(session.run(v), w)
        assert tf.get_collection("things")[0].name == "y:0"
        assert session.run("z:0", {"x:0": np.ones([1, 4], "f")}) > 0
    with pytest.raises(OSError, match="does not exist"):
        tf.train.import_meta_graph(str(tmp_path / "none.meta"))


def test_a_saver_of_everything_lists_its_variables():
    w = tf.get_variable("w", [3])
    later = tf.train.Saver(defer_build=True)
    assert later._var_list is None  # private in TensorFlow too, but scripts print it
    b = tf.get_variable("b", [2])
    assert tf.train.Saver()._var_list == [w, b]
    later.build()
    assert later._var_list == [w, b]
    assert tf.train.Saver({"x": w})._var_list == {"x": w}


def _failing_after(monkeypatch, calls):
    """Let the disk be full from some call on."""
    left = iter(range(calls))

    def fsync(handle):
        if next(left, None) is None:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(bundle.os, "fsync", fsync)
    monkeypatch.setattr(bundle, "SETTLED_AT_ONCE", 64)


@pytest.mark.parametrize("calls", range(4))
def test_a_full_disk_leaves_the_checkpoint_that_was_there(tmp_path, monkeypatch, calls):
    """It may be full while the data are written, at their end, or for the index."""
    v = tf.Variable(np.arange(20.0))
    saver, prefix = tf.train.Saver(), str(tmp_path / "model")
    with tf.Session() as session:
        session.run(v.initializer)
        saver.save(session, prefix)
        files = sorted(os.listdir(tmp_path))
        session.run(v.assign(-v))
        with monkeypatch.context() as patch:
            _failing_after(patch, calls)
            if calls < 3:
                with pytest.raises(tf.errors.ResourceExhaustedError, match=r"model; No space left"):
                    saver.save(session, prefix)
            else:
                saver.save(session, prefix)
        assert sorted(os.listdir(tmp_path)) == files
        saver.restore(session, prefix)
        expected = np.arange(20.0) if calls < 3 else -np.arange(20.0)
        assert session.run(v).tolist() == expected.tolist()


@pytest.mark.parametrize("renames", range(4))
def test_a_process_that_is_killed_while_it_saves(tmp_path, renames):
    """Killed before each of the renames: the checkpoint that was there is whole, or the new one."""
    script = (
        "import os, signal, sys, numpy as np, graphflow as tf\n"
        "from graphflow.checkpoint import bundle\n"
        "rename, left = os.replace, iter(range(int(sys.argv[2])))\n"
        "def replace(*paths):\n"
        "    if next(left, None) is None:\n"
        "        os.kill(os.getpid(), signal.SIGKILL)\n"
        "    rename(*paths)\n"
        "bundle.write_bundle(sys.argv[1], {'v': np.arange(20.0)})\n"
        "bundle.os.replace = replace\n"
        "bundle.write_bundle(sys.argv[1], {'v': -np.arange(20.0)})\n"
    )
    prefix = str(tmp_path / "model")
    ended = subprocess.run([sys.executable, "-c", script, prefix, str(renames)], check=False)
    assert ended.returncode == (-signal.SIGKILL if renames < 3 else 0)
    found = BundleReader(prefix).read("v")
    assert found.tolist() == (np.arange(20.0) * (1 if renames < 2 else -1)).tolist()
    write_bundle(prefix, {"v": np.ones(3)})
    assert BundleReader(prefix).read("v").tolist() == [1, 1, 1]
    assert [f for f in os.listdir(tmp_path) if "pending" in f] == []
