"""The stand-in notices what a real driver would punish, or would not notice."""

from __future__ import annotations

import numpy as np
import pytest

from graphflow.runtime.gpu.driver import OUT_OF_MEMORY, DriverError
from graphflow.runtime.gpu.stand_in import MisuseError, StandIn


@pytest.fixture
def gpu():
    return StandIn(memory_bytes=4096)


def test_a_copy_is_done_when_it_is_waited_for(gpu):
    stream, address = gpu.make_stream(), gpu.allocate(40)
    source, target = np.arange(10, dtype=np.float32), np.zeros(10, np.float32)
    gpu.copy_to_gpu(stream, address, source.ctypes.data, 40)
    gpu.copy_to_host(stream, target.ctypes.data, address, 40)
    assert np.isnan(target).all()
    gpu.wait(stream)
    np.testing.assert_array_equal(target, source)


def test_memory_that_changes_before_its_copy_is_done(gpu):
    stream, address = gpu.make_stream(), gpu.allocate(40)
    source = np.arange(10, dtype=np.float32)
    gpu.copy_to_gpu(stream, address, source.ctypes.data, 40)
    source[3] = 7
    with pytest.raises(MisuseError, match="changed before it was done"):
        gpu.wait(stream)


def test_memory_after_its_end(gpu):
    stream, address = gpu.make_stream(), gpu.allocate(40)
    other = np.zeros(10, np.float32)
    with pytest.raises(MisuseError, match="beyond its memory"):
        gpu.copy_to_gpu(stream, address + 4, other.ctypes.data, 40)
    gpu.copy_to_host(stream, other.ctypes.data, address, 40)
    with pytest.raises(MisuseError, match="freed before"):
        gpu.free(address)
    gpu.wait(stream)
    gpu.free(address)
    with pytest.raises(MisuseError, match="freed twice"):
        gpu.free(address)
    with pytest.raises(MisuseError, match="given back"):
        gpu.copy_to_host(stream, other.ctypes.data, address, 40)
    with pytest.raises(MisuseError, match="no memory of the GPU"):
        gpu.copy_to_host(stream, other.ctypes.data, 4096, 40)


def test_what_is_not_given_back(gpu):
    gpu.allocate(40)
    gpu.allocate_host(40)
    with pytest.raises(MisuseError, match="not given back: 1 device memory, 1 pinned memory"):
        gpu.close()


def test_there_is_an_end_to_the_memory(gpu):
    gpu.allocate(4000)
    with pytest.raises(DriverError) as caught:
        gpu.allocate(100)
    assert caught.value.code == OUT_OF_MEMORY


def test_a_graph_needs_page_locked_memory_and_is_done_when_replayed(gpu):
    stream, address = gpu.make_stream(), gpu.allocate(40)
    plain, pinned = np.zeros(40, np.uint8), gpu.allocate_host(40)
    gpu.begin_capture(stream)
    with pytest.raises(MisuseError, match="page-locked"):
        gpu.copy_to_gpu(stream, address, plain.ctypes.data, 40)
    gpu.copy_to_gpu(stream, address, pinned.ctypes.data, 40)
    with pytest.raises(MisuseError, match="waited for while"):
        gpu.wait(stream)
    graph = gpu.end_capture(stream)
    for number in (3, 4):
        pinned[:] = number
        gpu.replay(stream, graph)
        gpu.copy_to_host(stream, plain.ctypes.data, address, 40)
        gpu.wait(stream)
        assert set(plain.tolist()) == {number}
    gpu.free_graph(graph)
    with pytest.raises(MisuseError, match="after it was given back"):
        gpu.replay(stream, graph)


def test_events_have_times(gpu):
    stream = gpu.make_stream()
    start, stop = gpu.make_event(), gpu.make_event()
    gpu.record(start, stream)
    gpu.record(stop, stream)
    with pytest.raises(MisuseError, match="before it happened"):
        gpu.milliseconds(start, stop)
    gpu.wait(stream)
    assert gpu.milliseconds(start, stop) >= 0
