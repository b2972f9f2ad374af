"""combined_non_max_suppression, against values that TensorFlow 1.15 gives."""

import numpy as np
import pytest

import graphflow as tf

BOXES = np.float32([[0, 0, 1, 1], [0, 0.1, 1, 1.1], [0, -0.1, 1, 0.9],
                    [0, 10, 1, 11], [0, 10.1, 1, 11.1], [0, 100, 1, 101]])  # fmt: skip
BOXES = BOXES[None, :, None]
SCORES = np.float32([[[0.9, 0.01], [0.75, 0.05], [0.6, 0.01],
                      [0.95, 0], [0.5, 0.01], [0.3, 0.01]]])  # fmt: skip


def test_boxes_of_several_classes() -> None:
    found = tf.image.combined_non_max_suppression(BOXES, SCORES, 3, 3, 0.5)
    assert [t.shape.as_list() for t in found] == [[1, 3, 4], [1, 3], [1, 3], [1]]
    with tf.Session() as session:
        boxes, scores, classes, valid = session.run(found)
    np.testing.assert_array_equal(
        boxes, [[[0, 1, 1, 1], [0, 0, 1, 1], [0, 1, 1, 1]]]
    )  # cut at 0 and 1
    np.testing.assert_allclose(scores, [[0.95, 0.9, 0.3]])
    np.testing.assert_array_equal(classes, [[0, 0, 0]])
    assert valid.tolist() == [3]


def test_padding_thresholds_and_boxes_as_they_are() -> None:
    found = tf.image.combined_non_max_suppression(
        BOXES, SCORES, 2, 10, score_threshold=0.02, pad_per_class=True, clip_boxes=False
    )
    assert found.nmsed_boxes.shape.as_list() == [1, 4, 4]
    with tf.Session() as session:
        boxes, scores, classes, valid = session.run(found)
    np.testing.assert_allclose(scores, [[0.95, 0.9, 0.05, 0]])
    np.testing.assert_array_equal(classes, [[0, 0, 1, 0]])
    np.testing.assert_array_equal(boxes[0, 0], [0, 10, 1, 11])
    assert valid.tolist() == [3]


def test_wrong_arguments_are_refused() -> None:
    with pytest.raises(ValueError, match="Shape must be rank 4"):
        tf.image.combined_non_max_suppression(BOXES[0], SCORES, 3, 3)
    with tf.Session() as session, pytest.raises(tf.errors.InvalidArgumentError, match="iou"):
        session.run(tf.image.combined_non_max_suppression(BOXES, SCORES, 3, 3, 1.5))
