"""Markdown of what `compare.py` measured: ratios first, then times, first results and memory."""

from __future__ import annotations

import workloads

OURS = "graphflow"


def is_ours(name):
    return name.startswith(OURS)


def ratio(records):
    """The quickest other peer's time by graphflow's, and whether others disturbed one of them."""
    ours = records.get(OURS, {})
    usable = [
        record
        for name, record in records.items()
        if not is_ours(name) and "median" in record and record.get("agrees")
    ]
    if "median" not in ours or not usable:
        return None
    best = min(usable, key=lambda record: record["median"])
    return best["median"] / ours["median"], best["disturbed"] or ours["disturbed"]


def ratio_text(records):
    found = ratio(records)
    return "–" if found is None else f"**{found[0]:.2f}**{' ~' if found[1] else ''}"


def number(value):
    """Three digits or more, with commas."""
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.3g}"


def cell(record, value):
    """One figure of a record with its marks: ~ disturbed, ≠ another result."""
    if record is None or record.get("skipped"):
        return "–"
    if "failed" in record:
        return "failed"
    marks = " ~" * record.get("disturbed", False) + " ≠" * (not record["agrees"])
    return value(record) + marks


def time_text(record):
    return cell(record, lambda record: number(record["median"]))


def first_text(record):
    def seconds(record):
        totals = [
            run["importing"] + run["building"] + run["stepping"]
            for run in (record["first"].get(state) for state in ("empty", "full"))
            if run
        ]
        return " / ".join(f"{total:.2f}" for total in totals)

    return cell(record and dict(record, disturbed=record.get("first_disturbed", False)), seconds)


def memory_text(record):
    return cell(record and dict(record, disturbed=False), lambda record: f"{record['memory']:.0f}")


def table(heads, rows):
    rule = "|---|" + "---:|" * (len(heads) - 1)
    return "\n".join(
        ["| " + " | ".join(heads) + " |", rule, *[f"| {' | '.join(r)} |" for r in rows]]
    )


def markdown(result):
    """The report's text."""
    known = [workload for workload in workloads.WORKLOADS if workload.name in result["workloads"]]
    measured = [(workload, result["workloads"][workload.name]) for workload in known]
    peers = []
    for _, records in measured:
        peers += [name for name in records if name not in peers]
    versions = {
        name: record["version"]
        for _, records in measured
        for name, record in records.items()
        if "version" in record
    }
    machine, options = result["machine"], result["options"]

    def rows(text):
        return [[w.name, *(text(records.get(name)) for name in peers)] for w, records in measured]

    ratios = [[workload.name, workload.step, ratio_text(records)] for workload, records in measured]
    failures = [
        f"- {workload.name}, {name}: {record['failed']}"
        for workload, records in measured
        for name, record in records.items()
        if "failed" in record
    ]
    parts = [
        "# Comparison",
        ", ".join(f"{key} {value}" for key, value in machine.items())
        + f"; {options['threads']} threads, float32, {options['rounds']} blocks of"
        f" {options['seconds']:g} s a peer.",
        ", ".join(f"{name} {version}" for name, version in versions.items()) + ".",
        "`~`: others used the machine meanwhile. `≠`: results differ. `–`: no such figure.",
        "## The best peer's time by graphflow's",
        table(["workload", "a step", "ratio"], ratios),
        "## Time of a step, microseconds",
        table(["workload", *peers], rows(time_text)),
        "## Import and time to the first result, seconds: with empty caches / with full ones",
        table(["workload", *peers], rows(first_text)),
        "## Peak memory, MiB",
        table(["workload", *peers], rows(memory_text)),
    ]
    if failures:
        parts += ["## Failures", "\n".join(failures)]
    return "\n\n".join(parts) + "\n"


def line(records):
    """One line on a workload, to be seen while the comparison runs."""
    figures = [f"{name} {time_text(record)}" for name, record in records.items()]
    return f"  {ratio_text(records)}: " + ", ".join(figures)
