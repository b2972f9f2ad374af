"""``tf.test`` as tests of the time use it."""

import sys
import unittest

import numpy as np
import pytest

import graphflow as tf


class Example(tf.test.TestCase):
    def setUp(self) -> None:
        """A test's own, which calls no other."""

    @tf.test.run_deprecated_v1
    def test_values(self) -> None:
        with self.cached_session():
            self.assertAllEqual(tf.constant([1, 2]).eval(), [1, 2])

    @tf.test.run_in_graph_and_eager_modes
    def test_evaluate(self) -> None:
        self.assertAllInRange(self.evaluate(tf.constant([0.5])), 0, 1, open_upper_bound=True)
        self.assertAllGreaterEqual([1, 2], 1)
        self.assertSequenceAlmostEqual([1.0, 2.0], [1.0, 2.0 + 1e-9])


def test_a_case_whose_set_up_calls_no_other_runs() -> None:
    result = unittest.TestResult()
    unittest.defaultTestLoader.loadTestsFromTestCase(Example).run(result)
    assert result.testsRun - len(result.skipped) == 2
    assert not result.errors + result.failures


def test_a_checked_thread_fails_its_test() -> None:
    case = Example("test_values")
    thread = case.checkedThread(lambda: 1 / 0)
    thread.start()
    with pytest.raises(AssertionError, match="ZeroDivisionError"):
        thread.join()


def test_written_text_is_captured(capfd: pytest.CaptureFixture[str]) -> None:
    with capfd.disabled(), Example("test_values").captureWritesToStream(sys.__stderr__) as text:
        print("kept", file=sys.__stderr__)
        assert text.contents() == "kept\n"


def test_a_benchmark_reports(capsys: pytest.CaptureFixture[str]) -> None:
    with tf.Session() as session:
        report = tf.test.Benchmark().run_op_benchmark(
            session, tf.constant(np.ones(3)) + 1.0, min_iters=3, name="add", mbs=1.0
        )
    assert report["wall_time"] > 0
    assert "entry add: iters: 3" in capsys.readouterr().out
