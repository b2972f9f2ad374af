"""The memory plan: values that live at one time never share bytes."""

from __future__ import annotations

import itertools

from hypothesis import given
from hypothesis import strategies as st

from graphflow.graph.dtypes import uint8
from graphflow.ir.dims import SymDim, evaluate
from graphflow.ir.types import TensorType
from graphflow.schedule.plan import ALIGNMENT, MemoryPlan, assign_offsets

N = SymDim.symbol("n")


@st.composite
def plans(draw):
    """Arena slots with drawn lives and sizes, some over others."""
    plan = MemoryPlan()
    sizes = st.one_of(st.integers(0, 500), st.integers(1, 9).map(lambda k: N * k))
    for _ in range(draw(st.integers(1, 25))):
        slot = plan.new("arena", TensorType(uint8, (draw(sizes),)))
        slot.first = draw(st.integers(0, 20))
        slot.last = slot.first + draw(st.integers(0, 8))
        ended = [s for s in plan.slots if s.last == slot.first and s is not slot]
        if ended and draw(st.booleans()):
            slot.shares = draw(st.sampled_from(ended))
    plan.new("feed", TensorType(uint8, (7,)))
    return plan


@given(plans(), st.integers(2, 100))
def test_live_slots_do_not_overlap(plan, n):
    offsets, total = assign_offsets(plan, {"n": n})
    homes = {s.home() for s in plan.slots if s.kind == "arena"}
    assert set(offsets) == homes
    places = {}
    for home in homes:
        owned = [s for s in plan.slots if s.home() is home]
        size = max(evaluate(s.type.nbytes, {"n": n}) for s in owned)
        life = min(s.first for s in owned), max(s.last for s in owned)
        places[home] = offsets[home], offsets[home] + max(size, 1), life
        assert offsets[home] % ALIGNMENT == 0
        assert 0 <= offsets[home] <= total - size
    for (a, b, (first, last)), (c, d, (begin, end)) in itertools.combinations(places.values(), 2):
        assert b <= c or d <= a or last < begin or end < first
