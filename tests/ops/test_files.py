"""Files in the run and by `tf.gfile`."""

import numpy as np
import pytest

import graphflow as tf


def test_read_and_write(tmp_path):
    path = tf.placeholder(tf.string, [])
    text = tf.placeholder(tf.string, [])
    write = tf.write_file(path, text)
    with tf.control_dependencies([write]):
        back = tf.read_file(path)
    first = str(tmp_path / "folder" / "a.txt")
    with tf.Session() as session:
        for content in (b"one", b"\x00\xfftwo"):
            assert session.run(back, {path: first, text: content}) == content
        (tmp_path / "folder" / "a.txt").write_bytes(b"three")
        fixed = tf.read_file(first)
        assert session.run(fixed) == b"three"
        (tmp_path / "folder" / "a.txt").write_bytes(b"four")
        assert session.run(fixed) == b"four"
        session.run(tf.write_file(str(tmp_path / "b.txt"), "x"))
        found = session.run(tf.matching_files([str(tmp_path / "*.txt"), str(tmp_path / "f*/*")]))
        assert [p.decode()[-5:] for p in found.tolist()] == ["b.txt", "a.txt"]
        with pytest.raises(tf.errors.NotFoundError, match="missing; No such file"):
            session.run(tf.read_file(str(tmp_path / "missing")))


def test_gfile(tmp_path):
    base = str(tmp_path / "one" / "two")
    tf.gfile.MakeDirs(base)
    tf.gfile.MakeDirs(base)
    path = base + "/a.txt"
    with tf.gfile.GFile(path, "w") as file:
        file.write("first\nsecond\n")
        file.write(b"third")
    with tf.gfile.FastGFile(path) as file:
        assert file.readline() == "first\n"
        assert file.tell() == 6
        assert list(file) == ["second\n", "third"]
        file.seek(2)
        assert file.read(3) == "rst"
        assert file.size() == 18
    with tf.gfile.Open(path, "rb") as file:
        assert file.read() == b"first\nsecond\nthird"
    assert tf.gfile.Exists(path)
    assert tf.io.gfile.exists(base)
    assert tf.gfile.IsDirectory(base)
    tf.gfile.Copy(path, base + "/b.txt")
    with pytest.raises(tf.errors.AlreadyExistsError):
        tf.gfile.Copy(path, base + "/b.txt")
    tf.gfile.Rename(base + "/b.txt", base + "/c.txt")
    assert tf.gfile.ListDirectory(base) == ["a.txt", "c.txt"]
    assert tf.gfile.Glob(base + "/*.txt") == [path, base + "/c.txt"]
    assert tf.gfile.Stat(path).length == 18
    walked = list(tf.gfile.Walk(str(tmp_path)))
    assert walked[-1] == (base, [], ["a.txt", "c.txt"])
    tf.gfile.Remove(path)
    for call in (tf.gfile.Remove, tf.gfile.Stat, tf.gfile.ListDirectory, tf.gfile.Copy):
        with pytest.raises(tf.errors.NotFoundError):
            call(*[path, path + "2"][: 2 if call is tf.gfile.Copy else 1])
    with pytest.raises(tf.errors.NotFoundError):
        tf.gfile.GFile(path).read()
    with pytest.raises(tf.errors.PermissionDeniedError):
        tf.gfile.GFile(base + "/c.txt").write("x")
    tf.gfile.DeleteRecursively(str(tmp_path / "one"))
    assert not tf.gfile.Exists(base)
    assert np.size(tf.gfile.Glob(str(tmp_path / "*"))) == 0


def test_files_are_read_and_written_apart(tmp_path):
    """As TensorFlow has it: what is written first replaces the file, but in mode ``a``."""
    path = str(tmp_path / "x")
    with tf.gfile.GFile(path, "w") as file:
        file.write("hello\nworld\n")
    with tf.gfile.GFile(path, "r+") as file:
        assert file.read() == "hello\nworld\n"
    with tf.gfile.GFile(path, "r+") as file:
        file.write("X")
        file.flush()
        assert file.read() == "X"
    for mode, text, wanted in (("w+", "ab", "ab"), ("a+", "cd", "abcd")):
        with tf.gfile.GFile(path, mode) as file:
            file.write(text)
            file.flush()
            assert file.read() == wanted
    with tf.gfile.GFile(path, "wb+") as file:
        file.write(b"q")
        assert (file.size(), file.tell()) == (0, 0)
    with tf.gfile.GFile(path, "w") as file:
        assert file.tell() == 0
        with pytest.raises(tf.errors.PermissionDeniedError, match="open for reading"):
            file.read()
