"""A profile as a table for the terminal."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

MOST_PROGRAMS = 30  # those whose steps took longest
SHOWN_ALIVE = 4  # of what fills the memory
OPERATIONS_WIDTH = 34
_TITLE_WIDTH = 70
_HEAD = (
    "step", "operations", "calls", "total", "mean", "share", "bytes", "GB/s", "flops", "GFLOP/s",
    "of limit",
)  # fmt: skip
_PREFIXES = ("", "k", "M", "G", "T")
_LEFT = 2  # columns that begin at the left


def profile_table(data: dict[str, Any]) -> str:
    """The text; `data` as from `profile_data`."""
    lines = _summary(data)
    shown, left_out = longest(data["programs"])
    for program in shown:
        lines += ["", *_program(program)]
    if left_out:
        rest = sum(program["seconds_in_steps"] for program in left_out)
        lines += ["", f"and {len(left_out):,} more programs, {duration(rest)} in steps"]
    if not data["programs"]:
        lines.append("nothing ran")
    return "\n".join(lines) + "\n"


def longest(
    programs: Sequence[dict[str, Any]],
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """The Programs whose steps took longest, in their order; the others, if there are many."""
    chosen = sorted(programs, key=lambda p: -float(p["seconds_in_steps"]))[:MOST_PROGRAMS]
    numbers = {program["number"] for program in chosen}
    shown = [program for program in programs if program["number"] in numbers]
    return shown, [program for program in programs if program["number"] not in numbers]


def _summary(data: dict[str, Any]) -> list[str]:
    compilation, limits = data["compilation"], data["limits"]
    stages = ", ".join(f"{name} {duration(s)}" for name, s in compilation["stages"].items())
    return [
        f"{data['runs']} runs in {duration(data['seconds'])}, compilation among it; "
        f"{duration(data['seconds_in_steps'])} in steps",
        f"{compilation['programs']} programs compiled in {duration(compilation['seconds'])}"
        + (f": {stages}" if stages else ""),
        f"limits of this machine: copies {limits['bytes_per_second'] / 1e9:.1f} GB/s, within a "
        f"cache {limits['cached_bytes_per_second'] / 1e9:.1f} GB/s, float32 products "
        f"{limits['flops_per_second'] / 1e9:.0f} GFLOP/s",
    ]


def _program(program: dict[str, Any]) -> list[str]:
    title = shortened(program["title"], _TITLE_WIDTH)
    lines = [
        f"program {program['number']}: {title}",
        f"  {program['runs']} runs, {duration(program['seconds_in_steps'])} in steps",
    ]
    rows = [_HEAD, *(_row(step) for step in program["steps"])]
    lines += [f"  {line}" for line in aligned(rows, _LEFT)]
    if program["steps_left_out"]:
        lines.append(f"  and {program['steps_left_out']} more steps")
    return lines + _memory(program["memory"])


def _row(step: dict[str, Any]) -> tuple[str, ...]:
    operations = step["operations"]
    shown = shortened(" ".join(operations), OPERATIONS_WIDTH)
    name = f"{step['name']} (rounds)" if step["kind"] == "control" else step["name"]
    return (
        name, shown, str(step["calls"]), duration(step["seconds"]),
        duration(step["mean_seconds"]), f"{step['share']:.1%}", scaled(step["bytes"], "B"),
        f"{step['bytes_per_second'] / 1e9:.1f}", scaled(step["flops"], ""),
        f"{step['flops_per_second'] / 1e9:.1f}", f"{step['share_of_limit']:.0%}",
    )  # fmt: skip


def _memory(memory: dict[str, Any]) -> list[str]:
    parts = ", ".join(f"{name} {scaled(n, 'B')}" for name, n in memory["parts"].items() if n)
    lines = [f"  memory {scaled(memory['bytes'], 'B')}" + (f": {parts}" if parts else "")]
    if memory["fullest_at"]:
        alive = memory["alive"]
        names = [f"{a['name']} {scaled(a['bytes'], 'B')}" for a in alive[:SHOWN_ALIVE]]
        if len(alive) > SHOWN_ALIVE:
            names.append(f"{len(alive) - SHOWN_ALIVE} more")
        lines.append(f"  fullest at {memory['fullest_at']}: {', '.join(names)}")
    return lines


def aligned(rows: Sequence[Sequence[str]], left: int) -> list[str]:
    """Rows as lines with columns of one width; the first `left` of them begin at the left."""
    widths = [max(len(row[k]) for row in rows) for k in range(len(rows[0]))]
    return [
        "  ".join(
            cell.ljust(width) if k < left else cell.rjust(width)
            for k, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]


def duration(seconds: float) -> str:
    """Seconds in words: ``1.23 ms``."""
    for unit, factor in (("s", 1.0), ("ms", 1e3), ("us", 1e6)):
        if seconds * factor >= 1:
            return f"{seconds * factor:.3g} {unit}" if seconds < 1000 else f"{seconds:.0f} s"
    return f"{seconds * 1e9:.0f} ns" if seconds else "0"


def scaled(number: float, unit: str) -> str:
    """A large number in words: ``1.23 MB``."""
    power = 0
    while number >= 999.5 and power < len(_PREFIXES) - 1:
        number /= 1000
        power += 1
    return f"{number:.3g} {_PREFIXES[power]}{unit}".rstrip()


def shortened(text: str, width: int) -> str:
    """A text of at most that many characters, cut with dots if need be."""
    return text if len(text) <= width else f"{text[: width - 3]}..."
