"""Tables: filled from tensors and files, changed in the run, one content per session."""

import numpy as np
import pytest

import graphflow as tf
from graphflow.contrib import lookup
from graphflow.protos.text import parse_text


@pytest.fixture(autouse=True)
def fresh_graph():
    with tf.Graph().as_default():
        yield


def test_table_from_tensors():
    init = tf.lookup.KeyValueTensorInitializer(["a", "b"], np.array([1, 5]))
    table = tf.contrib.lookup.HashTable(init, -1)
    keys = tf.placeholder(tf.string, [None])
    found = table.lookup(keys)
    assert found.dtype == tf.int64
    assert found.shape.as_list() == [None]
    with tf.Session() as session:
        with pytest.raises(tf.errors.FailedPreconditionError, match="Table not initialized"):
            session.run(found, {keys: ["a"]})
        session.run(tf.tables_initializer())
        assert session.run(found, {keys: ["b", "x", "a"]}).tolist() == [5, -1, 1]
        assert session.run(table.size()) == 2
        names, values = session.run(table.export())
        assert dict(zip(names.tolist(), values.tolist(), strict=True)) == {b"a": 1, b"b": 5}
        sparse = table.lookup(tf.SparseTensor([[0, 1]], tf.constant(["b"]), [1, 2]))
        assert session.run(sparse).values.tolist() == [5]
    with tf.Session() as other, pytest.raises(tf.errors.FailedPreconditionError):
        other.run(found, {keys: ["a"]})
    with pytest.raises(TypeError, match="Signature mismatch"):
        table.lookup(tf.constant([1]))


def test_two_values_for_a_key():
    init = tf.lookup.KeyValueTensorInitializer(["a", "a"], np.array([1, 5]))
    table = tf.lookup.StaticHashTable(init, -1)
    with tf.Session() as session, pytest.raises(tf.errors.InvalidArgumentError, match="same key"):
        session.run(table.initializer)


def test_vocabularies(tmp_path):
    path = tmp_path / "words.txt"
    path.write_text("emerson\nlake\npalmer\n")
    plain = lookup.index_table_from_file(str(path), default_value=-7)
    buckets = lookup.index_table_from_file(str(path), num_oov_buckets=2)
    back = lookup.index_to_string_table_from_file(str(path))
    listed = lookup.index_table_from_tensor(["x", "y"], num_oov_buckets=1)
    numbers = lookup.index_table_from_tensor([10, 20], dtype=tf.int64)
    words = lookup.index_to_string_table_from_tensor(["x", "y"])
    vocabulary = tf.lookup.StaticVocabularyTable(
        tf.lookup.KeyValueTensorInitializer(["p"], tf.constant([0], tf.int64)), 3
    )
    missing = lookup.index_table_from_file(str(tmp_path / "missing"))
    texts = tf.constant(["palmer", "lake", "and"])
    with tf.Session() as session:
        with pytest.raises(tf.errors.NotFoundError):
            session.run(missing.initializer)
        tables = (plain, buckets, back, listed, numbers, words, vocabulary)
        session.run([table.initializer for table in tables])
        assert session.run(plain.lookup(texts)).tolist() == [2, 1, -7]
        first = session.run(buckets.lookup(texts)).tolist()
        assert first[:2] == [2, 1]
        assert first[2] in (3, 4)
        assert session.run(back.lookup(tf.constant([1, 9], tf.int64))).tolist() == [b"lake", b"UNK"]
        assert session.run(listed.lookup(tf.constant(["y", "z"]))).tolist() == [1, 2]
        assert session.run(numbers.lookup(tf.constant([20, 3], tf.int64))).tolist() == [1, -1]
        assert session.run(words.lookup(tf.constant([0], tf.int64))).tolist() == [b"x"]
        assert session.run(vocabulary.lookup(tf.constant(["p", "q"]))).tolist()[0] == 0
        assert session.run([buckets.size(), vocabulary.size()]) == [5, 4]


def test_mutable_table():
    table = lookup.MutableHashTable(tf.string, tf.float32, [0.0, 0.0])
    keys, values = tf.placeholder(tf.string, [None]), tf.placeholder(tf.float32, [None, 2])
    insert = table.insert(keys, values)
    found = table.lookup(keys)
    with tf.Session() as session:
        session.run(insert, {keys: ["a", "b"], values: [[1, 2], [3, 4]]})
        session.run(insert, {keys: ["a"], values: [[5, 6]]})
        got = session.run(found, {keys: ["a", "c", "b"]})
        assert got.tolist() == [[5, 6], [0, 0], [3, 4]]
        session.run(table.remove(["a"]))
        assert session.run(found, {keys: ["a"]}).tolist() == [[0, 0]]
        assert session.run(table.size()) == 1


def test_handles_go_into_functions_of_data_sets():
    init = tf.lookup.KeyValueTensorInitializer(["a", "b"], np.array([1, 5]))
    table = tf.lookup.StaticHashTable(init, -1)
    words = tf.data.Dataset.from_tensor_slices([["a", "x"], ["b", "a"]])
    iterator = words.map(table.lookup).make_initializable_iterator()
    following = iterator.get_next()
    with tf.Session() as session:
        session.run([tf.tables_initializer(), iterator.initializer])
        assert session.run(following).tolist() == [1, -1]
        assert session.run(following).tolist() == [5, 1]


def test_tables_of_one_shared_name_are_one():
    pairs = tf.lookup.KeyValueTensorInitializer(["a"], np.array([1]))
    others = tf.lookup.KeyValueTensorInitializer(["a", "b"], np.array([1, 2]))
    first = lookup.HashTable(pairs, -1, shared_name="t")
    second = lookup.HashTable(others, -1, shared_name="t")
    with tf.Session() as session:
        assert session.run(first.size()) == 0
        with pytest.raises(tf.errors.AbortedError, match="HashTable is not initialized"):
            session.run(first.export())
        session.run([first.initializer])
        session.run([first.initializer])
        assert session.run(second.lookup(tf.constant(["a"]))).tolist() == [1]
        with pytest.raises(tf.errors.FailedPreconditionError, match="different data"):
            session.run(second.initializer)


def test_dense_table():
    table = lookup.MutableDenseHashTable(
        tf.int64, tf.float32, default_value=[0.0, 0.5], empty_key=-1, deleted_key=-2
    )
    keys, values = tf.placeholder(tf.int64, [None]), tf.placeholder(tf.float32, [None, 2])
    insert, remove, found = table.insert(keys, values), table.remove(keys), table.lookup(keys)
    with tf.Session() as session:
        session.run(insert, {keys: [3, 4], values: [[1, 2], [3, 4]]})
        session.run(remove, {keys: [3]})
        assert session.run(table.size()) == 1
        assert session.run(found, {keys: [3, 4]}).tolist() == [[0, 0.5], [3, 4]]
        with pytest.raises(tf.errors.InvalidArgumentError, match="the empty_key as a table key"):
            session.run(found, {keys: [-1]})
        with pytest.raises(tf.errors.InvalidArgumentError, match=r"Expected shape \[1,2\]"):
            session.run(insert, {keys: [3], values: np.zeros([2, 2])})
    rows = lookup.MutableDenseHashTable(
        tf.int64, tf.int32, default_value=7, empty_key=[-1, 0], deleted_key=[-2, 0]
    )
    insert = rows.insert([[1, 2], [3, 4]], [1, 2])
    found = rows.lookup(tf.constant([[3, 4], [0, 0]], tf.int64))
    assert found.shape.as_list() == [2]
    with tf.Session() as session:
        session.run(insert)
        assert session.run(found).tolist() == [2, 7]


def test_mutable_tables_are_saved(tmp_path):
    counts = lookup.MutableHashTable(tf.string, tf.int64, -1, name="counts")
    dense = lookup.MutableDenseHashTable(tf.string, tf.float32, [0.0], "", "-", name="dense")
    lookup.MutableHashTable(tf.string, tf.int64, -1, name="other", checkpoint=False)
    fill = [counts.insert(["a", "b"], [1, 2]), dense.insert(["c"], [[3.0]])]
    found = [counts.lookup(["a", "b", "c"]), dense.lookup(["c", "d"])]
    saver = tf.train.Saver()
    with tf.Session() as session:
        session.run(fill)
        path = saver.save(session, str(tmp_path / "m"))
    assert {name for name, _ in tf.train.list_variables(path)} == {
        "counts-keys", "counts-values", "dense-keys", "dense-values",
    }  # fmt: skip
    with tf.Session() as session:
        session.run(counts.insert(["c"], [9]))
        saver.restore(session, path)
        numbers, rows = session.run(found)
        assert numbers.tolist() == [1, 2, -1]
        assert rows.tolist() == [[3.0], [0.0]]


def test_names_of_operations():
    table = lookup.index_table_from_tensor(["x", "y"], num_oov_buckets=1)
    table.lookup(tf.constant(["y"]))
    names = [op.name for op in tf.get_default_graph().get_operations()]
    assert [n for n in names if "Const" not in n and "range" not in n] == [
        "string_to_index/Size", "string_to_index/Cast", "string_to_index/hash_table/hash_table",
        "string_to_index/hash_table/table_init/LookupTableImportV2",
        "hash_table_Lookup/hash_bucket",
        "hash_table_Lookup/hash_table_Lookup/LookupTableFindV2",
        "hash_table_Lookup/hash_table_Size/LookupTableSizeV2", "hash_table_Lookup/Add",
        "hash_table_Lookup/NotEqual", "hash_table_Lookup/SelectV2",
    ]  # fmt: skip


def test_tables_of_early_graphs():
    """Programs of early TensorFlow 1 wrote tables whose handles are texts."""
    nodes = """
    node { name: "t" op: "HashTable" attr { key: "key_dtype" value { type: DT_STRING } }
           attr { key: "value_dtype" value { type: DT_INT64 } } }
    node { name: "k" op: "Const" attr { key: "dtype" value { type: DT_STRING } }
           attr { key: "value" value { tensor { dtype: DT_STRING tensor_shape { dim { size: 2 } }
                                                string_val: "a" string_val: "b" } } } }
    node { name: "v" op: "Const" attr { key: "dtype" value { type: DT_INT64 } }
           attr { key: "value" value { tensor { dtype: DT_INT64 tensor_shape { dim { size: 2 } }
                                                int64_val: 3 int64_val: 4 } } } }
    node { name: "d" op: "Const" attr { key: "dtype" value { type: DT_INT64 } }
           attr { key: "value" value { tensor { dtype: DT_INT64 tensor_shape {}
                                                int64_val: -1 } } } }
    node { name: "init" op: "InitializeTable" input: "t" input: "k" input: "v"
           attr { key: "Tkey" value { type: DT_STRING } }
           attr { key: "Tval" value { type: DT_INT64 } } }
    node { name: "find" op: "LookupTableFind" input: "t" input: "k" input: "d"
           attr { key: "Tin" value { type: DT_STRING } }
           attr { key: "Tout" value { type: DT_INT64 } } }
    """
    tf.import_graph_def(parse_text(nodes.encode(), tf.GraphDef()), name="")
    with tf.Session() as session:
        session.run("init")
        assert session.run("find:0").tolist() == [3, 4]
