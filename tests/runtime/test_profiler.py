"""Profiles: what ran how often, and what it moved; no test looks at how long it took."""

import json

import numpy as np
import pytest

import graphflow as tf
from graphflow.graph.graph import Graph
from graphflow.runtime import profiler as profiler_module
from graphflow.runtime.chrome_trace import Timeline
from graphflow.runtime.profiler import profiling
from graphflow.runtime.roofline import Limits
from graphflow.views.profile_data import profile_data
from graphflow.views.profile_page import profile_page
from graphflow.views.profile_table import aligned, duration, profile_table, scaled

LIMITS = Limits(1e10, 1e11, 1e12)


@pytest.fixture
def profiler():
    with Graph().as_default(), profiling() as found:
        yield found


def steps_of(profiler, number=0):
    return {s.name: s for s in profiler.programs[number].steps.values()}


def test_runs_and_calls_are_counted(profiler):
    x = tf.placeholder(tf.float32, [32, 16], name="x")
    w = tf.Variable(tf.ones([16, 8]), name="w")
    y = tf.nn.relu(tf.matmul(x, w), name="y")
    with tf.Session() as session:
        session.run(w.initializer)
        for _ in range(3):
            session.run(y, {x: np.ones((32, 16))})
    assert profiler.runs == 4
    assert [p.runs for p in profiler.programs] == [1, 3]
    assert profiler.programs[1].title == "y:0"
    (step,) = [s for s in steps_of(profiler, 1).values() if s.kind == "gemm"]
    assert step.calls == 3
    assert set(step.operations) == {"MatMul", "y"}
    assert "test_profiler.py" in step.line
    assert step.flops == 3 * (2 * 32 * 16 * 8 + 32 * 8)
    assert step.bytes == 3 * 4 * (32 * 16 + 16 * 8 + 32 * 8)
    assert {"trace", "rewritten", "code", "plan"} <= set(profiler.stages)


def test_times_of_steps_add_up(profiler):
    y = tf.reduce_sum(tf.exp(tf.random_normal([100], seed=1)))
    with tf.Session() as session:
        session.run(y)
        session.run(y)
    (program,) = profiler.programs
    assert program.in_steps == sum(s.nanoseconds for s in program.steps.values())
    assert program.in_steps <= program.nanoseconds <= profiler.run_nanoseconds
    data = profile_data(profiler, LIMITS)
    assert sum(s["share"] for s in data["programs"][0]["steps"]) == pytest.approx(1)
    json.dumps(data)


def test_a_step_before_which_variables_become_final_is_counted(profiler):
    w = tf.Variable(np.ones((64, 64), np.float32), name="w")
    with tf.Session() as session:
        session.run(w.initializer)
        session.run(w.assign_add(tf.matmul(w, w)).op)
    steps = steps_of(profiler, 1)
    assert all(s.calls == 1 for s in steps.values())
    assert "final" not in steps


def test_loops_count_their_rounds(profiler):
    _, y = tf.while_loop(
        lambda i, a: i < 7, lambda i, a: (i + 1, tf.tanh(a) * 2), [0, tf.ones([100])]
    )
    with tf.Session() as session:
        session.run(y)
    (step,) = [s for s in steps_of(profiler).values() if "while/Tanh" in s.operations]
    assert step.calls == 7
    assert step.flops == 7 * 2 * 100


def test_host_calls_are_steps(profiler):
    y = tf.linalg.inv(tf.eye(3) * 2.0) + 1.0
    with tf.Session() as session:
        session.run(y)
    assert "host" in {s.kind for s in steps_of(profiler).values()}


def test_a_run_of_python_functions_and_one_that_fails(profiler):
    y = tf.py_func(lambda: np.float32(1), [], tf.float32)
    x = tf.placeholder(tf.float32, [])
    z = tf.check_numerics(x, "bad")
    with tf.Session() as session:
        assert session.run(y) == 1
        with pytest.raises(tf.errors.InvalidArgumentError):
            session.run(z, {x: np.nan})
        assert session.run(z, {x: 2.0}) == 2
    assert profiler.runs == 3


def test_memory_and_what_fills_it(profiler):
    w = tf.Variable(np.ones((50, 50), np.float32), name="w")
    product = tf.matmul(w, w, name="product")
    y = tf.reduce_sum(tf.matmul(product, product))
    with tf.Session() as session:
        session.run(w.initializer)
        session.run(y)
    memory = profiler.programs[1].memory
    assert memory.parts["variables"] == 10_000
    assert memory.parts["arena"] >= memory.peak >= 10_000
    assert "product f32[50,50]" in [name for name, _ in memory.alive]
    assert memory.total == sum(memory.parts.values())


def test_sizes_that_vary_share_a_program_and_count_their_own_bytes(profiler):
    x = tf.placeholder(tf.float32, [None])
    y = x * 2.0
    with tf.Session() as session:
        for size in (10, 20, 30):
            session.run(y, {x: np.ones(size)})
    general = max(profiler.programs, key=lambda p: p.runs)
    assert general.runs == 2
    assert sum(s.flops for s in general.steps.values()) == 50


def test_single_times_end_and_totals_go_on(profiler, monkeypatch):
    monkeypatch.setattr(profiler_module, "EVENTS_KEPT", 3)
    y = tf.exp(tf.zeros([3]) + tf.random_normal([3]))
    with tf.Session() as session:
        for _ in range(5):
            session.run(y)
    assert len(profiler.spans) == 3
    assert profiler.dropped > 0
    assert all(s.calls == 5 for s in steps_of(profiler).values())


def test_the_table_and_an_empty_profile(profiler):
    assert profile_table(profile_data(profiler, LIMITS)).endswith("nothing ran\n")
    with tf.Session() as session:
        session.run(tf.exp(tf.random_normal([3], name="drawn")))
    text = profile_table(profile_data(profiler, LIMITS, top=1))
    assert "drawn" in text
    assert "more steps" in text
    assert "GFLOP/s" in text


def test_the_page_stands_alone_and_escapes_names(profiler):
    with tf.Session() as session:
        session.run(tf.identity(tf.random_normal([3])))
    data = profile_data(profiler, LIMITS)
    data["programs"][0]["title"] = "</script><b>&"
    page = profile_page(data, profiler.spans, "<!-- </script> @SUMMARY@")
    assert page.count("</script>") == 2
    assert "<!--" not in page
    assert "://" not in page
    assert "src=" not in page
    start = page.index('type="application/json">') + len('type="application/json">')
    content = json.loads(page[start : page.index("</script>", start)])
    assert content["title"] == "<!-- </script> @SUMMARY@"
    assert len(content["chart"]["spans"]) == len(profiler.spans)


def test_the_trace_has_every_span_in_a_named_lane(profiler):
    with tf.Session() as session:
        session.run(tf.random_normal([3]))
    events = json.loads(profiler.trace().text())["traceEvents"]
    lanes = {e["tid"]: e["args"]["name"] for e in events if e["name"] == "thread_name"}
    spans = [e for e in events if e["ph"] == "X"]
    assert len(spans) == len(profiler.spans)
    assert {lanes[e["tid"]] for e in spans} == {"runs", "compilation", "steps"}
    assert all(e["dur"] >= 0 for e in spans)


def test_timeline_of_a_runs_metadata():
    with Graph().as_default(), tf.Session() as session:
        metadata = tf.RunMetadata()
        options = tf.RunOptions(trace_level=tf.RunOptions.FULL_TRACE)
        session.run(tf.exp(tf.random_normal([9]), name="e"), None, options, metadata)
    events = json.loads(Timeline(metadata.step_stats).generate_chrome_trace_format())["traceEvents"]
    assert events[0]["name"] == "process_name"
    assert any("(" in e["args"]["op"] and "e" in e["args"]["op"] for e in events[1:])


# Which fields an event has, and of which types, by Chrome's description of the format.
EVENT_FIELDS = {
    "M": {"name": str, "pid": int, "args": dict},
    "X": {"name": str, "cat": str, "pid": int, "tid": int, "ts": (int, float),
          "dur": (int, float), "args": dict},
    "C": {"name": str, "pid": int, "ts": (int, float), "args": dict},
}  # fmt: skip


def test_traces_have_the_fields_of_the_format(profiler):
    metadata = tf.RunMetadata()
    loop = tf.while_loop(lambda v: v[0] < 9.0, lambda v: v * 2.0 + 1.0, [tf.ones([4])])
    with tf.Session() as session:
        session.run(loop)
        session.run(tf.sort(tf.exp(loop)), None, tf.RunOptions(trace_level=3), metadata)
    timeline = Timeline(metadata.step_stats).generate_chrome_trace_format(show_memory=True)
    for text in (profiler.trace().text(), timeline):
        trace = json.loads(text)
        assert set(trace) == {"traceEvents"}
        for event in trace["traceEvents"]:
            for field, kind in EVENT_FIELDS[event["ph"]].items():
                assert isinstance(event[field], kind), (field, event)
            if event["ph"] == "C":
                assert all(isinstance(v, (int, float)) for v in event["args"].values())
            if event["ph"] == "M":
                assert event["name"] in ("process_name", "thread_name")
                assert isinstance(event["args"]["name"], str)
            if "ts" in event:
                assert event["ts"] >= 0
                assert event.get("dur", 0) >= 0
    assert any(e["ph"] == "C" and e["args"]["cpu"] > 0 for e in json.loads(timeline)["traceEvents"])


def test_of_very_many_programs_the_longest_are_shown(profiler):
    with tf.Session() as session:
        for k in range(35):
            session.run(tf.random_normal([10 + k * k]))
    data = profile_data(profiler, LIMITS)
    text = profile_table(data)
    assert text.count("\nprogram ") == 30
    assert "\nand 5 more programs, " in text
    assert '"programs_left_out": 5' in profile_page(data, profiler.spans, "many")


def test_limits_and_numbers_in_words():
    assert Limits(10.0, 100.0, 5.0).share(10, 50, 20.0) == pytest.approx(0.5)
    assert Limits(10.0, 100.0, 5.0).share(10, 0, 0.0) == 0
    assert [duration(s) for s in (0, 2e-9, 1.5e-6, 0.0123, 2, 5000)] == [
        "0", "2 ns", "1.5 us", "12.3 ms", "2 s", "5000 s",
    ]  # fmt: skip
    assert [scaled(n, "B") for n in (0, 12, 1234, 999.9e6)] == ["0 B", "12 B", "1.23 kB", "1 GB"]
    assert aligned([("a", "1"), ("bcd", "10")], 1) == ["a     1", "bcd  10"]


def test_rounds_of_loops_are_counted_and_hold_their_steps(profiler):
    n = tf.placeholder(tf.int32, [])

    def inner(i, v):
        deep = tf.while_loop(lambda j, u: j < 2, lambda j, u: [j + 1, tf.tanh(u)], [0, v])[1]
        return [i + 1, deep * 2.0]

    result = tf.while_loop(lambda i, v: i < n, inner, [0, tf.ones([50])])[1]
    with tf.Session() as session:
        session.run(result, {n: 5})
    loops = [s for s in profiler.programs[0].steps.values() if s.is_rounds]
    assert sorted(s.calls for s in loops) == [5, 10]
    few, many = sorted(loops, key=lambda s: s.calls)
    program = profiler.programs[0]
    assert 0 < many.nanoseconds < few.nanoseconds < program.in_steps
    assert sum(span.lane == "rounds" for span in profiler.spans) == 15
    data = profile_data(profiler, LIMITS)
    assert "(rounds)" in profile_table(data)
    rows = [s for s in data["programs"][0]["steps"] if s["kind"] != "control"]
    assert sum(s["share"] for s in rows) == pytest.approx(1)
    assert '"rounds"' in profile_page(data, profiler.spans, "loops")
