"""SavedModels: those of TensorFlow 1.15.5, our own, and damaged ones."""

from __future__ import annotations

import json
import pathlib
import shutil

import numpy as np
import pytest

import graphflow as tf
from graphflow import protos
from graphflow.saved_model.signature_def_utils import supervised_train_signature_def

DATA = pathlib.Path(__file__).parent.parent / "data"
X = np.linspace(-1, 1, 2 * 6 * 6 * 2).reshape(2, 6, 6, 2).astype(np.float32)


@pytest.fixture(autouse=True)
def fresh_graph():
    with tf.Graph().as_default():
        yield


@pytest.fixture
def folder(tmp_path):
    """A SavedModel of ours, with an asset."""
    words = tmp_path / "words.txt"
    words.write_text("one")
    with tf.Graph().as_default(), tf.Session() as session:
        x = tf.placeholder(tf.float32, [None, 2], name="x")
        w = tf.get_variable("w", initializer=[[1.0], [2.0]])
        path = tf.constant(str(words), name="path")
        tf.add_to_collection(tf.GraphKeys.ASSET_FILEPATHS, path)
        tf.read_file(path, name="content")
        session.run(tf.global_variables_initializer())
        y = tf.matmul(x, w, name="y")
        tf.saved_model.simple_save(session, str(tmp_path / "model"), {"x": x}, {"y": y})
    return tmp_path / "model"


def loaded(path, tags=("serve",), **options):
    session = tf.Session()
    return session, tf.saved_model.load(session, list(tags), str(path), **options)


def edited(folder, change):
    """Change the message of a SavedModel."""
    path = folder / "saved_model.pb"
    model = protos.SavedModel()
    model.ParseFromString(path.read_bytes())
    change(model.meta_graphs[0])
    path.write_bytes(model.SerializeToString())


@pytest.mark.parametrize("scope", [None, "inner"])
def test_model_of_tensorflow(scope):
    session, meta = loaded(DATA / "tf115_model", import_scope=scope)
    prefix = f"{scope}/" if scope else ""
    signature = meta.signature_def["serving_default"]
    assert tf.saved_model.is_valid_signature(signature)
    x, y = (
        tf.saved_model.get_tensor_from_tensor_info(info, import_scope=scope)
        for info in (signature.inputs["x"], signature.outputs["y"])
    )
    expected = json.loads((DATA / "tf115_hooks.json").read_text())["y"]
    np.testing.assert_allclose(session.run(y, {x: X}), expected, atol=1e-6)
    assert session.run(f"{prefix}content:0") == b"one\ntwo\n"
    names = {v.name for v in tf.trainable_variables()}
    assert f"{prefix}net/conv/kernel:0" in names
    assert len(names) == 7


def example(word):
    value = tf.train.Feature(bytes_list=tf.train.BytesList(value=[word]))
    features = tf.train.Features(feature={"word": value})
    return tf.train.Example(features=features).SerializeToString()


def test_tables_of_tensorflow():
    model = tf.contrib.predictor.from_saved_model(str(DATA / "tf115_tables_model"))
    found = model({"examples": [example(word) for word in (b"beta", b"a", b"zeta")]})
    assert {name: values.tolist() for name, values in found.items()} == {
        "number": [-5, 10, -5], "back": [b"beta", b"UNK", b"UNK"], "ids": [1, 3, 4],
    }  # fmt: skip


def test_predictors(folder):
    make = tf.contrib.predictor.from_saved_model
    given = {"x": [[3.0, 4.0]]}
    by_names = make(str(folder), input_names={"x": "x:0"}, output_names={"out": "y:0"})
    for model, name in ((make(str(folder)), "y"), (by_names, "out")):
        assert model(given)[name].tolist() == [[11.0]]
    with pytest.raises(ValueError, match=r"unexpected keys in input_dict: \{'z'\}"):
        by_names({"z": 1})
    with pytest.raises(ValueError, match='signature_def_key "no"'):
        make(str(folder), signature_def_key="no")
    with pytest.raises(ValueError, match="at most one"):
        make(str(folder), signature_def_key="no", input_names={}, output_names={})


def test_frozen_graph_of_tensorflow():
    graph_def = tf.GraphDef()
    graph_def.ParseFromString((DATA / "tf115_frozen.pb").read_bytes())
    x = tf.placeholder(tf.float32, [None, 6, 6, 2])
    (y,) = tf.import_graph_def(graph_def, input_map={"x:0": x}, return_elements=["y:0"])
    expected = json.loads((DATA / "tf115_hooks.json").read_text())["y"]
    np.testing.assert_allclose(tf.Session().run(y, {x: X}), expected, atol=1e-6)


def test_own_model(folder):
    assert tf.saved_model.maybe_saved_model_directory(str(folder))
    assert not tf.saved_model.contains_saved_model(str(folder / "assets"))
    assert sorted(p.name for p in folder.rglob("*") if p.is_file()) == [
        "saved_model.pb", "variables.data-00000-of-00001", "variables.index", "words.txt",
    ]  # fmt: skip
    session, meta = loaded(folder)
    assert session.run("y:0", {"x:0": [[1, 10]]}).tolist() == [[21]]
    assert meta.signature_def["serving_default"].method_name == "tensorflow/serving/predict"
    assert meta.meta_info_def.tags == ["serve"]
    assert [v.name for v in tf.global_variables()] == ["w:0"]


def test_text_form_several_graphs_and_main_operation(tmp_path):
    words = tmp_path / "a.txt"
    words.write_text("words")
    path = str(tmp_path / "model")
    builder = tf.saved_model.builder.SavedModelBuilder(path)
    with tf.Graph().as_default(), tf.Session() as session:
        v = tf.Variable(3.0, name="v")
        local = tf.Variable(b"", collections=["local_variables"], name="local")
        asset = tf.constant(str(words), name="asset")
        main = tf.group(tf.assign(local, tf.read_file(asset)), name="main")
        session.run(tf.global_variables_initializer())
        signature = tf.saved_model.predict_signature_def({"v": v}, {"v": v})
        with pytest.raises(AssertionError, match="has not been saved yet"):
            builder.add_meta_graph(["serve"])
        builder.add_meta_graph_and_variables(
            session, ["train"], {"s": signature}, assets_collection=[asset], main_op=main
        )
        with pytest.raises(AssertionError, match="has already been saved"):
            builder.add_meta_graph_and_variables(session, ["train"])
    with tf.Graph().as_default():
        tf.Variable(0.0, name="v")
        builder.add_meta_graph(["serve", "gpu"])
    assert builder.save(as_text=True) == f"{path}/saved_model.pbtxt".encode()
    words.unlink()
    with tf.Graph().as_default():
        session, meta = loaded(path, ["train"])
        assert session.run("local:0") == b"words"
        assert session.run("v:0") == 3
        assert list(meta.signature_def) == ["s"]
    with tf.Graph().as_default():
        session, _ = loaded(path, ["gpu", "serve"])
        assert session.run("v:0") == 3
    with pytest.raises(AssertionError, match="isn't empty"):
        tf.saved_model.Builder(path)


def test_assets_of_one_name(tmp_path):
    paths = []
    for number, text in enumerate(["a", "b", "a"]):
        (tmp_path / str(number)).mkdir()
        paths.append(tmp_path / str(number) / "f.txt")
        paths[-1].write_text(text)
    with tf.Session() as session:
        assets = [tf.constant(str(p), name=f"p{k}") for k, p in enumerate(paths)]
        builder = tf.saved_model.Builder(str(tmp_path / "m"))
        builder.add_meta_graph_and_variables(session, ["serve"], assets_collection=assets)
        builder.save()
    assert sorted(p.name for p in (tmp_path / "m" / "assets").iterdir()) == ["f.txt", "f.txt_1"]
    builder = tf.saved_model.Builder(str(tmp_path / "m2"))
    wrong = [assets[0] + ""]
    with pytest.raises(TypeError, match="must be of type constant"):
        builder.add_meta_graph_and_variables(tf.Session(), ["s"], assets_collection=wrong)


# ---- signatures


def test_signatures():
    text = tf.placeholder(tf.string, [None], name="text")
    number = tf.placeholder(tf.float32, [None], name="number")
    models = tf.saved_model
    assert models.is_valid_signature(models.regression_signature_def(text, number))
    found = models.classification_signature_def(text, text, number)
    assert models.is_valid_signature(found)
    assert set(found.outputs) == {"classes", "scores"}
    found.outputs["classes"].dtype = 1
    assert not models.is_valid_signature(found)
    assert not models.is_valid_signature(None)
    assert not models.is_valid_signature(models.build_signature_def(method_name="other"))
    with pytest.raises(ValueError, match="Regression examples must be a string Tensor"):
        models.regression_signature_def(number, number)
    with pytest.raises(ValueError, match="Classification scores must be a float Tensor"):
        models.classification_signature_def(text, None, text)
    with pytest.raises(ValueError, match="classes and scores cannot both be None"):
        models.classification_signature_def(text, None, None)
    with pytest.raises(ValueError, match="Prediction inputs cannot be None or empty"):
        models.predict_signature_def({}, {"a": number})
    with pytest.raises(ValueError, match="supervised/training inputs cannot be None"):
        supervised_train_signature_def({}, {"loss": number})


def test_tensor_infos():
    sparse = tf.sparse_placeholder(tf.int64, name="s")
    info = tf.saved_model.utils.build_tensor_info(sparse)
    assert info.coo_sparse.values_tensor_name == "s/values:0"
    assert info.dtype == 9
    back = tf.saved_model.utils.get_tensor_from_tensor_info(info)
    assert back.indices is sparse.indices
    assert back.values is sparse.values
    with pytest.raises(ValueError, match="encoding: None"):
        tf.saved_model.utils.get_tensor_from_tensor_info(protos.TensorInfo())


def test_signatures_that_are_refused(tmp_path):
    tf.Variable(1.0)
    models = tf.saved_model
    builder = models.Builder(str(tmp_path / "m"))
    good = models.build_tensor_info(tf.constant(1.0))
    for info, message in (
        (protos.TensorInfo(dtype=1), "one of the 'encoding' fields"),
        (protos.TensorInfo(name="a:0"), "dtype field set"),
    ):
        signature = models.build_signature_def({"a": info}, {"b": good}, "m")
        with pytest.raises(AssertionError, match=message):
            builder.add_meta_graph_and_variables(tf.Session(), ["serve"], {"s": signature})
    reserved = {"__saved_model_init_op": models.build_signature_def({"a": good}, {"b": good}, "m")}
    with pytest.raises(KeyError, match="is reserved for initialization"):
        builder.add_meta_graph_and_variables(tf.Session(), ["serve"], reserved)


# ---- hostile files


def test_tags_that_are_missing(folder):
    message = (
        "MetaGraphDef associated with tags 'train' could not be found in SavedModel. To inspect "
        "available tag-sets in the SavedModel, please use the SavedModel CLI: `saved_model_cli`\n"
        "available_tags: [{'serve'}]"
    )
    with pytest.raises(RuntimeError) as caught:
        loaded(folder, ["train"])
    assert str(caught.value) == message
    assert not tf.get_default_graph().get_operations()


@pytest.mark.parametrize("data", [b"\x0a\xff\xff\xff\x7f", b"\x12\x80", b"GIF89a" * 100])
def test_damaged_file(folder, data):
    (folder / "saved_model.pb").write_bytes(data)
    with pytest.raises((OSError, RuntimeError), match=r"Cannot parse file|could not be found"):
        loaded(folder)


def test_truncated_file(folder):
    data = (folder / "saved_model.pb").read_bytes()
    (folder / "saved_model.pb").write_bytes(data[: len(data) // 2])
    with pytest.raises(OSError, match=r"Cannot parse file .*saved_model\.pb"):
        loaded(folder)


def test_damaged_text(folder):
    (folder / "saved_model.pb").unlink()
    with pytest.raises(OSError, match=r"SavedModel file does not exist at: .*/\{saved_model.pbtxt"):
        loaded(folder)
    for data in (b"meta_graphs { nonsense: 3 }", b"\xff\xfe", b"meta_graphs {"):
        (folder / "saved_model.pbtxt").write_bytes(data)
        with pytest.raises(OSError, match=r"Cannot parse file .*saved_model\.pbtxt"):
            loaded(folder)


@pytest.mark.parametrize("name", ["../x", "/etc/passwd", "a/../../x", "..", "", "..\\x"])
def test_assets_outside_of_the_folder(folder, name):
    def change(meta):
        asset = meta.asset_file_def.add(filename=name)
        asset.tensor_info.name = "path:0"

    edited(folder, change)
    with pytest.raises(tf.errors.InvalidArgumentError, match="inside the SavedModel's assets"):
        loaded(folder)
    assert not tf.get_default_graph().get_operations()


def test_variables_that_are_missing(folder):
    shutil.rmtree(folder / "variables")
    with pytest.raises(ValueError, match="not a valid checkpoint"):
        loaded(folder)


def test_main_operations(folder):
    def several(meta):
        meta.collection_def["saved_model_main_op"].node_list.value.extend(["y", "x"])

    edited(folder, several)
    with pytest.raises(RuntimeError, match="Expected exactly one SavedModel init op"):
        loaded(folder)


def test_main_operation_that_is_missing(folder):
    def change(meta):
        assert not meta.collection_def["saved_model_main_op"].node_list.value
        key = "__saved_model_init_op"
        meta.signature_def[key].outputs[key].name = "nothing"

    edited(folder, change)
    with pytest.raises(tf.errors.NotFoundError, match="could not be found in the graph"):
        loaded(folder)
