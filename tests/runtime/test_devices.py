"""What tells of devices agrees: sessions, `device_lib`, `tf.test` and the command line."""

import graphflow as tf
from graphflow.runtime.devices import list_local_devices, machine_facts


def test_sessions_list_the_devices_that_there_are():
    with tf.Session() as session:
        found = session.list_devices()
    local, facts = list_local_devices(), machine_facts()
    assert [d.name for d in found] == [f"/job:localhost/replica:0/task:0{d.name}" for d in local]
    assert [d.device_type for d in found] == ["CPU"] + ["GPU"] * len(facts["gpus"])
    assert found[0].memory_limit_bytes == local[0].memory_limit > 0
    assert repr(found[0]).startswith("_DeviceAttributes(/job:localhost/replica:0/task:0/device:CPU")
    assert tf.test.is_gpu_available() == bool(facts["gpus"])
