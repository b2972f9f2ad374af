"""Encodings, scripts, texts joined by number, and counting up."""

import numpy as np
import pytest

import graphflow as tf


def test_texts_in_other_encodings() -> None:
    text = "añ€𐌸"
    with tf.Session() as session:
        found = session.run([
            tf.strings.unicode_transcode(text, "UTF-8", "UTF-16-BE"),
            tf.strings.unicode_transcode(text.encode("utf-16"), "UTF-16", "UTF-8"),
            tf.strings.unicode_transcode(text.encode("utf-16-be"), "UTF-16", "UTF-8"),
            tf.strings.unicode_transcode(text.encode("utf-16-be"), "UTF-16-BE", "UTF-32-BE"),
            tf.strings.unicode_transcode(b"caf\xe9", "ISO-8859-1", "UTF-8"),
        ])  # fmt: skip
    utf8 = text.encode()
    assert found == [
        text.encode("utf-16-be"), utf8, utf8, text.encode("utf-32-be"), "café".encode()
    ]  # fmt: skip


def test_what_is_wrong_is_replaced_left_out_or_told() -> None:
    wrong = b"a\xffb\x01"
    change = tf.strings.unicode_transcode
    with tf.Session() as session:
        found = session.run([
            change([wrong], "UTF-8", "UTF-8"),
            change([wrong], "UTF-8", "UTF-8", "replace", ord("?"), True),
            change([wrong], "UTF-8", "UTF-8", "ignore"),
        ])  # fmt: skip
        assert [v[0] for v in found] == ["a\ufffdb\x01".encode(), b"a?b?", b"ab\x01"]
        for encoding, text in (("UTF-8", "Invalid formatting"), ("nothing", "converter")):
            with pytest.raises(tf.errors.InvalidArgumentError, match=text):
                session.run(change(wrong, encoding, "UTF-8", "strict"))
    with pytest.raises(ValueError, match="output_encoding"):
        change(wrong, "UTF-8", "latin1")


def test_code_points_become_texts_and_have_scripts() -> None:
    codes = [[97, 0x20AC], [0x1F600, 0x110000]]
    with tf.Session() as session:
        found = session.run(tf.strings.unicode_encode(codes, "UTF-8"))
        scripts = session.run(tf.strings.unicode_script([97, 0x416, 0x4E00, 49, 0x301, -1]))
    assert found.tolist() == ["a€".encode(), "😀\ufffd".encode()]
    assert scripts.tolist() == [25, 8, 17, 0, 1, -1]


def test_texts_of_the_same_number_are_joined() -> None:
    join = tf.strings.unsorted_segment_join
    with tf.Session() as session:
        assert session.run(join(["a", "b", "c"], [2, 0, 2], 3, "-")).tolist() == [b"b", b"", b"a-c"]
        rows = session.run(join([["a", "b"], ["c", "d"]], [0, 0], 1))
        assert rows.tolist() == [[b"ac", b"bd"]]
        with pytest.raises(tf.errors.InvalidArgumentError, match="not larger than"):
            session.run(join(["a"], [3], 2))


def test_counting_up_to_a_limit() -> None:
    counter = tf.Variable(0, dtype=tf.int32)
    step = counter.count_up_to(2)
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        assert [session.run(step) for _ in range(2)] == [0, 1]
        with pytest.raises(tf.errors.OutOfRangeError, match="Reached limit of 2"):
            session.run(step)
        assert session.run(counter) == 2
        assert session.run(tf.count_up_to(counter, 9)) == 2
    with pytest.raises(TypeError):
        tf.count_up_to(tf.Variable(np.float32(0)), 2)
