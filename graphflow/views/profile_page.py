"""A profile as a page that stands alone: summary, flame chart, tables. It works offline."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from graphflow.runtime.profiler import LANES, Span
from graphflow.views.profile_table import duration, longest

MOST_SPANS = 20_000  # shown in the flame chart


def profile_page(data: dict[str, Any], spans: Sequence[Span], title: str) -> str:
    """The page.

    Parameters
    ----------
    data : as from `profile_data`.
    spans : single times, for the flame chart; the first 20,000 are shown.
    title : what was profiled.
    """
    shown, left_out = longest(data["programs"])
    content = {
        "title": title,
        "profile": {**data, "programs": shown, "programs_left_out": len(left_out)},
        "chart": _chart(spans),
    }
    # Within a script only "</" and "<!--" could end it or change how it is read.
    text = json.dumps(content).replace("<", "\\u003c")
    summary = (
        f"{data['runs']} runs in {duration(data['seconds'])}, "
        f"{duration(data['seconds_in_steps'])} in steps; {data['compilation']['programs']} "
        f"programs compiled in {duration(data['compilation']['seconds'])}"
    )
    return _PAGE.replace("@SUMMARY@", summary).replace("@DATA@", text)


def _chart(spans: Sequence[Span]) -> dict[str, Any]:
    """The spans with names by number: what runs a thousand times has its name there once."""
    shown = sorted(spans, key=lambda s: s.began)[:MOST_SPANS]
    start = shown[0].began if shown else 0
    names: dict[tuple[str, tuple[str, ...]], int] = {}
    rows = []
    lanes = [lane for lane in LANES if any(span.lane == lane for span in shown)]
    for span in shown:
        number = names.setdefault((span.name, span.operations), len(names))
        rows.append([lanes.index(span.lane), number, span.began - start, span.length])
    return {
        "lanes": lanes,
        "names": [{"name": name, "operations": list(ops)} for name, ops in names],
        "spans": rows,
        "left_out": len(spans) - len(shown),
    }


_PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>graphflow profile</title>
<style>
:root { color-scheme: light dark; --line: #8886; --bar: #4a7db8; --back: #8881; }
body { font: 14px/1.45 system-ui, sans-serif; margin: 1.5rem auto; max-width: 80rem;
       padding: 0 1rem; }
h1 { font-size: 1.3rem; } h2 { font-size: 1.05rem; margin-top: 2rem; overflow-wrap: anywhere; }
canvas { width: 100%; border: 1px solid var(--line); cursor: grab;
         touch-action: none; display: block; }
#tip { min-height: 3em; font-family: ui-monospace, monospace; font-size: 12px;
       overflow-wrap: anywhere; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; font-size: 13px; font-variant-numeric: tabular-nums; }
th, td { text-align: right; padding: 2px 8px; border-bottom: 1px solid var(--line);
         white-space: nowrap; }
th { cursor: pointer; } th:focus-visible { outline: 2px solid var(--bar); }
td.text, th.text { text-align: left; max-width: 24rem; overflow: hidden; text-overflow: ellipsis; }
td.share { background: linear-gradient(to right, #4a7db855 var(--share), transparent 0); }
tr.chosen { background: #e0a03044; }
</style>
</head>
<body>
<h1 id="title">Profile</h1>
<p>@SUMMARY@</p>
<p id="stages"></p>
<h2>Time</h2>
<canvas id="chart" tabindex="0" aria-label="Flame chart: runs, and the steps below them"></canvas>
<div id="tip">Wheel or + and - to zoom, drag or arrows to move, 0 for all.</div>
<div id="programs"></div>
<script id="data" type="application/json">@DATA@</script>
<script>
"use strict";
const content = JSON.parse(document.getElementById("data").textContent);
const profile = content.profile, chart = content.chart;
const element = (tag, text, parent) => {
  const made = document.createElement(tag);
  if (text !== undefined) made.textContent = text;
  if (parent) parent.appendChild(made);
  return made;
};
const scaled = (x, unit) => {
  for (const p of ["", "k", "M", "G"]) {
    if (x < 999.5) return Number(x.toPrecision(3)) + " " + p + unit;
    x /= 1000;
  }
  return Number(x.toPrecision(3)) + " T" + unit;
};
const time = s => s >= 1 ? s.toPrecision(3) + " s" : s >= 1e-3 ? (s * 1e3).toPrecision(3) + " ms"
  : s >= 1e-6 ? (s * 1e6).toPrecision(3) + " us" : Math.round(s * 1e9) + " ns";

document.getElementById("title").textContent = "Profile of " + content.title;
document.getElementById("stages").textContent = "Compilation: " + (Object.entries(
  profile.compilation.stages).map(([n, s]) => n + " " + time(s)).join(", ") || "none") +
  ". Limits: copies " + scaled(profile.limits.bytes_per_second, "B/s") + ", within a cache " +
  scaled(profile.limits.cached_bytes_per_second, "B/s") + ", products " +
  scaled(profile.limits.flops_per_second, "FLOP/s") + ".";

// ---- the tables
const columns = [
  ["step", r => r.name, r => r.name + (r.kind === "control" ? " (rounds)" : ""), true],
  ["operations", r => r.operations.join(" "),
  r => r.operations.join(" "), true], ["line", r => r.line, r => r.line, true],
  ["calls", r => r.calls, r => r.calls], ["total", r => r.seconds, r => time(r.seconds)],
  ["mean", r => r.mean_seconds, r => time(r.mean_seconds)],
  ["share", r => r.share, r => (100 * r.share).toFixed(1) + " %"],
  ["bytes", r => r.bytes, r => scaled(r.bytes, "B")],
  ["GB/s", r => r.bytes_per_second, r => (r.bytes_per_second / 1e9).toFixed(1)],
  ["flops", r => r.flops, r => scaled(r.flops, "")],
  ["GFLOP/s", r => r.flops_per_second, r => (r.flops_per_second / 1e9).toFixed(1)],
  ["of limit", r => r.share_of_limit, r => (100 * r.share_of_limit).toFixed(0) + " %"],
];
const fill = (body, steps) => {
  body.replaceChildren();
  for (const step of steps) {
    const row = element("tr", undefined, body);
    row.dataset.step = step.name;
    columns.forEach(([name, , shown, isText]) => {
      const cell = element("td", shown(step), row);
      if (isText) { cell.className = "text"; cell.title = shown(step); }
      if (name === "share") {
        cell.className = "share";
        cell.style.setProperty("--share", 100 * step.share + "%");
      }
    });
  }
};
if (profile.programs_left_out)
  element("p", "Shown are the programs whose steps took longest; " + profile.programs_left_out +
    " more are left out.", document.getElementById("programs"));
for (const program of profile.programs) {
  const place = document.getElementById("programs");
  element("h2", "Program " + program.number + ": " + program.title, place);
  element("p", program.runs + " runs, " + time(program.seconds_in_steps) + " in steps", place);
  const scroll = element("div", undefined, place);
  scroll.className = "scroll";
  const table = element("table", undefined, scroll);
  const head = element("tr", undefined, element("thead", undefined, table));
  const body = element("tbody", undefined, table);
  let sorted = 4, down = true;
  columns.forEach(([name, key, , isText], number) => {
    const cell = element("th", name, head);
    cell.tabIndex = 0;
    if (isText) cell.className = "text";
    const sort = () => {
      down = sorted === number ? !down : !isText;
      sorted = number;
      const order = (a, b) => key(a) < key(b) ? -1 : key(a) > key(b) ? 1 : 0;
      fill(body, [...program.steps].sort((a, b) => down ? order(b, a) : order(a, b)));
    };
    cell.addEventListener("click", sort);
    cell.addEventListener("keydown", e => { if (e.key === "Enter") sort(); });
  });
  fill(body, program.steps);
  const memory = program.memory;
  element("p", "Memory " + scaled(memory.bytes, "B") + ": " + Object.entries(memory.parts)
    .filter(([, n]) => n).map(([n, b]) => n + " " + scaled(b, "B")).join(", ") +
    (memory.fullest_at ? ". Fullest at " + memory.fullest_at + ": " + memory.alive.slice(0, 8)
      .map(a => a.name + " " + scaled(a.bytes, "B")).join(", ") : ""), place);
}

// ---- the flame chart
const canvas = document.getElementById("chart"), tip = document.getElementById("tip");
const pen = canvas.getContext("2d");
const end = chart.spans.reduce((m, s) => Math.max(m, s[2] + s[3]), 1);
let from = 0, to = end, chosen = -1;
const LANE = 52, TOP = 18, NAME = 14, BAR = 34;
const height = TOP + LANE * Math.max(1, chart.lanes.length);
canvas.style.height = height + "px";
const colour = n => `hsl(${(n * 137.5) % 360} 45% 62%)`;
const draw = () => {
  const width = canvas.clientWidth, ratio = window.devicePixelRatio || 1;
  canvas.width = width * ratio; canvas.height = height * ratio;
  pen.setTransform(ratio, 0, 0, ratio, 0, 0);
  pen.font = "11px system-ui";
  const ink = getComputedStyle(document.body).color;
  const scale = width / (to - from);
  pen.fillStyle = ink;
  for (let k = 0; k <= 4; k++) {
    pen.fillText(time((from + (to - from) * k / 4) / 1e9), Math.min(width * k / 4, width - 60), 11);
  }
  chart.lanes.forEach((lane, k) => pen.fillText(lane, 3, TOP + k * LANE + NAME - 3));
  chart.spans.forEach(([lane, name, began, length], number) => {
    const x = (began - from) * scale, w = Math.max(length * scale, 0.7);
    if (x + w < 0 || x > width) return;
    const y = TOP + lane * LANE + NAME;
    pen.fillStyle = number === chosen ? "#e0a030" : colour(name);
    pen.fillRect(x, y, w, BAR);
    if (w > 40) {
      pen.save(); pen.beginPath(); pen.rect(x, y, w, BAR); pen.clip();
      pen.fillStyle = "#111";
      pen.fillText(chart.names[name].name, Math.max(x, 0) + 3, y + 22);
      pen.restore();
    }
  });
};
const spanAt = event => {
  const box = canvas.getBoundingClientRect();
  const at = from + (event.clientX - box.left) / box.width * (to - from);
  const lane = Math.floor((event.clientY - box.top - TOP) / LANE);
  const near = (to - from) / box.width;
  return chart.spans.findIndex(
    s => s[0] === lane && s[2] <= at && at <= s[2] + Math.max(s[3], near));
};
const show = (a, b) => {
  const width = Math.min(Math.max(b - a, 50), end);
  from = Math.max(0, Math.min(a, end - width)); to = from + width; draw();
};
const zoom = (factor, at) => show(at - (at - from) * factor, at + (to - at) * factor);
let drag = null;
canvas.addEventListener("wheel", event => {
  event.preventDefault();
  const box = canvas.getBoundingClientRect();
  zoom(Math.exp(event.deltaY / 400), from + (event.clientX - box.left) / box.width * (to - from));
}, { passive: false });
canvas.addEventListener("pointerdown", e => {
  drag = [e.clientX, from, to]; canvas.setPointerCapture(e.pointerId);
});
canvas.addEventListener("pointerup", () => { drag = null; });
canvas.addEventListener("pointermove", event => {
  if (drag) {
    const moved = (drag[0] - event.clientX) / canvas.clientWidth * (drag[2] - drag[1]);
    show(drag[1] + moved, drag[2] + moved);
    return;
  }
  const found = spanAt(event);
  if (found === chosen) return;
  chosen = found;
  if (found >= 0) {
    const [, name, began, length] = chart.spans[found];
    const known = chart.names[name];
    tip.textContent = known.name + ": " + time(length / 1e9) + " at " + time(began / 1e9) +
      (known.operations.length ? " - " + known.operations.join(" ") : "");
    document.querySelectorAll("tr.chosen").forEach(r => r.classList.remove("chosen"));
    document.querySelectorAll("tr[data-step]").forEach(r => {
      if (r.dataset.step === known.name) r.classList.add("chosen");
    });
  }
  draw();
});
canvas.addEventListener("keydown", event => {
  const step = (to - from) / 8, middle = (from + to) / 2;
  const actions = { "+": () => zoom(0.7, middle), "-": () => zoom(1.4, middle),
    "0": () => show(0, end), ArrowLeft: () => show(from - step, to - step),
    ArrowRight: () => show(from + step, to + step) };
  if (actions[event.key]) { event.preventDefault(); actions[event.key](); }
});
window.addEventListener("resize", draw);
if (chart.left_out) {
  tip.textContent += " " + chart.left_out + " later spans are not shown.";
}
draw();
</script>
</body>
</html>
"""
