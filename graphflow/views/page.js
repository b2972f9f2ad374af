"use strict";
const data = JSON.parse(document.getElementById("data").textContent);
const byId = id => document.getElementById(id);
const picture = byId("picture");
const schemes = data.schemes;
const state = { stage: data.stage, scheme: data.color, selected: null, x: 20, y: 20, scale: 1 };
const opened = Object.fromEntries(Object.entries(data.views).map(([name, view]) => [name, new Set(view.opened)]));
const MOST_UNFOLDED = 400; // boxes that "unfold" shows at most

let layout = null, world = null, fitted = null;

function make(parent, name, attributes = {}, text = null) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const key in attributes) element.setAttribute(key, attributes[key]);
  if (text !== null) element.textContent = text;
  parent.appendChild(element);
  return element;
}

function makeHtml(parent, name, text = null, attributes = {}) {
  const element = document.createElement(name);
  for (const key in attributes) element.setAttribute(key, attributes[key]);
  if (text !== null) element.textContent = text;
  parent.appendChild(element);
  return element;
}

const view = () => data.views[state.stage];

// ---- the picture

function draw() {
  picture.replaceChildren();
  const definitions = make(picture, "defs");
  for (const [id, colour] of [["arrow", "var(--edge)"], ["lit", "var(--mark)"]]) {
    const marker = make(definitions, "marker", { id, viewBox: "0 0 8 8", refX: 7, refY: 4, markerWidth: 7,
      markerHeight: 7, markerUnits: "userSpaceOnUse", orient: "auto" });
    make(marker, "path", { d: "M0,0.5L8,4L0,7.5z", style: `fill:${colour}` });
  }
  world = make(picture, "g", { id: "world" });
  if (state.stage === "memory") drawPlan();
  else drawBoxes();
  moveWorld();
}

function drawBoxes() {
  layout = layoutView(view(), opened[state.stage], data.boxHeight);
  const lit = litLines();
  for (const [number, place] of layout.boxes) if (place.open && number) drawBox(number, place);
  for (const line of layout.lines) drawLine(line, lit.has(line));
  for (const [number, place] of layout.boxes) if (!place.open) drawBox(number, place);
  for (const { label, segment } of layout.lines)
    if (label) make(world, "text", { class: "small label", x: label[0], y: label[1] + 3.5, "text-anchor": "middle" }, segment[3]);
  if (view().boxes.length === 1) make(world, "text", { x: 20, y: 40 }, "nothing to draw");
}

function drawBox(number, place) {
  const box = view().boxes[number], isScope = number in view().scopes;
  const names = ["box", place.open ? "open" : "", box.gradient ? "gradient" : "", number === state.selected ? "selected" : ""];
  const group = make(world, "g", { class: names.join(" ").trim(), "data-box": number });
  make(group, "title", {}, box.name);
  if (isScope && !place.open)
    make(group, "rect", { x: place.x + 3, y: place.y + 3, width: place.width, height: place.height, rx: 8, fill: "#ffffff" });
  const [fill, ink] = view().palette[box.colours[schemes.indexOf(state.scheme)]];
  const shape = { x: place.x, y: place.y, width: place.width, height: place.height, rx: isScope ? 8 : 3 };
  make(group, "rect", place.open ? shape : { ...shape, fill });
  if (place.open) {
    make(group, "text", { x: place.x + 24, y: place.y + 16 }, box.lines[0]);
  } else {
    const middle = place.x + place.width / 2;
    box.lines.forEach((text, k) => make(group, "text", { class: k ? "small" : "", x: middle, y: place.y + 14 + 13 * k,
      "text-anchor": "middle", style: `fill:${ink}` }, text));
  }
  if (isScope) drawFold(group, place, number);
}

function drawFold(group, place, number) {
  const [x, y] = place.open ? [place.x + 13, place.y + 12] : [place.x + place.width, place.y];
  const knob = make(group, "g", { class: "fold", role: "button", "data-fold": number });
  make(knob, "title", {}, place.open ? "fold" : "unfold");
  make(knob, "circle", { cx: x, cy: y, r: 6.5 });
  make(knob, "text", { x, y: y + 4, "text-anchor": "middle" }, place.open ? "−" : "+");
}

function pathText(points) {
  let [x, y] = points[0], path = `M${x},${y}`;
  for (const [toX, toY] of points.slice(1)) {
    const half = (y + toY) / 2;
    path += Math.abs(toX - x) < 0.05 ? `V${toY}` : `C${x},${half} ${toX},${half} ${toX},${toY}`;
    [x, y] = [toX, toY];
  }
  return path;
}

function drawLine(line, isLit) {
  const flags = line.segment[5], count = line.segment[6];
  const names = ["line", flags & CONTROL ? "control" : "", flags & BACK ? "back" : "", flags & STRAIGHT ? "straight" : "", isLit ? "lit" : ""];
  const path = make(world, "path", { class: names.join(" ").trim(), d: pathText(line.points),
    "stroke-width": (count > 1 ? Math.min(3, 1 + 0.3 * Math.sqrt(count)) : 1) + (isLit ? 0.8 : 0) });
  if (line.arrow) path.setAttribute("marker-end", `url(#${isLit ? "lit" : "arrow"})`);
  make(path, "title", {}, line.segment[3] || (flags & CONTROL ? "runs before" : ""));
}

/** The lines that begin or end in the selected box, with how they go on through borders. */
function litLines() {
  const lit = new Set();
  if (state.selected === null) return lit;
  const from = new Map(), to = new Map(); // by scope and place of a box or port
  const note = (map, key, line) => map.has(key) ? map.get(key).push(line) : map.set(key, [line]);
  for (const line of layout.lines) {
    note(from, `${line.scope}.${line.segment[0]}`, line);
    note(to, `${line.scope}.${line.segment[1]}`, line);
  }
  const place = number => view().scopes[view().boxes[number].parent].items.findIndex(i => i[0] === BOX && i[1] === number);
  const follow = (line, end) => { // end 1: towards the target; 0: towards the source
    if (lit.has(line)) return;
    lit.add(line);
    const next = end ? from : to, item = line.segment[end], port = line.segment[7 + end];
    const [kind, index] = view().scopes[line.scope].items[item];
    if (kind === BOX) {
      if (port >= 0 && layout.boxes.get(index).open)
        for (const other of next.get(`${index}.${port}`) || []) follow(other, end);
    } else {
      const parent = view().boxes[line.scope].parent;
      for (const other of next.get(`${parent}.${place(line.scope)}`) || [])
        if (other.segment[8 - end] === item) follow(other, end);
    }
  };
  const parent = view().boxes[state.selected].parent;
  if (parent < 0 || !layout.boxes.has(state.selected)) return lit;
  const key = `${parent}.${place(state.selected)}`;
  for (const line of from.get(key) || []) follow(line, 1);
  for (const line of to.get(key) || []) follow(line, 0);
  return lit;
}

// ---- the memory plan

function drawPlan() {
  layout = { boxes: new Map(), lines: [], width: 0, height: 0 };
  drawPlans(data.plan);
}

/** A plan, and below it those of its loops and branches. */
function drawPlans(plan) {
  drawOnePlan(plan, layout.height);
  plan.inner.forEach(drawPlans);
}

function drawOnePlan({ title, steps, names, slots, live }, top) {
  const step = 46, row = 19, left = 330, group = make(world, "g", { transform: `translate(0 ${top})` });
  const colours = { arena: "#cfe4f6", feed: "#c4ebdc", variable: "#fbe0b0", output: "#f2d2e4", constant: "#ececec" };
  const most = Math.max(1, ...live), bars = 90, above = 150;
  if (title) make(group, "text", { x: 10, y: above, "font-weight": "bold" }, title);
  make(group, "text", { x: 10, y: above + bars - 20 }, `arena in use: at most ${Math.max(0, ...live).toLocaleString("en")} bytes`);
  live.forEach((bytes, k) => {
    const height = 60 * bytes / most;
    const bar = make(group, "rect", { x: left + k * step + 1, y: above + 70 - height, width: step - 2, height, fill: "#56b4e9" });
    make(bar, "title", {}, `step ${k}: ${bytes.toLocaleString("en")} bytes`);
  });
  for (let k = 0; k < steps; k++) {
    const x = left + (k + 0.5) * step;
    make(group, "text", { class: "small", x, y: above + 82, "text-anchor": "middle" }, k);
    make(group, "text", { class: "small", x, y: above, transform: `rotate(-60 ${x} ${above})` }, names[k].slice(0, 28));
  }
  slots.forEach((slot, k) => {
    const y = above + bars + k * row;
    const over = slot.shares === null ? "" : `, over slot ${slot.shares}`;
    const text = `slot ${slot.number}: ${slot.kind} ${slot.what}, ${slot.bytes.toLocaleString("en")} B${over}`;
    make(group, "text", { class: "small", x: 10, y: y + 12 }, text.length > 62 ? text.slice(0, 61) + "…" : text);
    const bar = make(group, "rect", { class: "slot", "data-slot": slot.number, x: left + slot.first * step, y: y + 2,
      width: (slot.last - slot.first + 1) * step, height: row - 5, rx: 3, fill: colours[slot.kind] || "#ececec", stroke: "#606060" });
    if (slot.shares !== null) bar.setAttribute("stroke-dasharray", "4 2");
    make(bar, "title", {}, `${text}, steps ${slot.first} to ${slot.last}`);
  });
  layout.width = Math.max(layout.width, left + steps * step + 40);
  layout.height += above + bars + slots.length * row + 40;
}

// ---- folding, selecting, searching

function toggle(number) {
  const before = layout.boxes.get(number), set = opened[state.stage];
  if (!set.delete(number)) set.add(number);
  draw();
  const after = layout.boxes.get(number); // stays where it was on the screen
  state.x += (before.x - after.x) * state.scale;
  state.y += (before.y - after.y) * state.scale;
  moveWorld();
}

function unfold() {
  const set = opened[state.stage], { scopes, boxes } = view();
  let shown = layout.boxes.size;
  for (const number of [...layout.boxes.keys()])
    if (number in scopes && !set.has(number) && shown + scopes[number].items.length <= MOST_UNFOLDED) {
      set.add(number);
      shown += scopes[number].items.filter(item => item[0] === BOX).length;
    }
  draw();
  fit();
}

function select(number) {
  state.selected = number;
  draw();
  showDetails();
}

function goTo(number) {
  for (let k = view().boxes[number].parent; k >= 0; k = view().boxes[k].parent) opened[state.stage].add(k);
  select(number);
  const place = layout.boxes.get(number), frame = picture.getBoundingClientRect();
  state.scale = Math.max(state.scale, 0.8);
  state.x = frame.width / 2 - (place.x + place.width / 2) * state.scale;
  state.y = frame.height / 2 - (place.y + place.height / 2) * state.scale;
  moveWorld();
}

function showDetails() {
  const panel = byId("details");
  panel.replaceChildren();
  if (state.stage === "memory") {
    makeHtml(panel, "p", "Each slot of the run's table, over the steps in which it holds a value. Dashed: it takes over another slot's memory.");
    return;
  }
  if (state.selected === null) {
    makeHtml(panel, "p", "Drag to move, turn the wheel to zoom. Click a box for what is known of it; + and − or a double click unfold and fold.");
    return;
  }
  const box = view().boxes[state.selected];
  makeHtml(panel, "h2", box.name);
  if (state.selected in view().scopes)
    makeHtml(panel, "button", opened[state.stage].has(state.selected) ? "fold" : "unfold").onclick = () => { toggle(state.selected); showDetails(); };
  const list = makeHtml(panel, "dl");
  for (const [key, value] of Object.entries(box.details)) {
    if (!value) continue;
    makeHtml(list, "dt", key);
    makeHtml(list, "dd", value, key === "code" ? { class: "code" } : {});
  }
  showLinks(panel, "takes", 1, 0);
  showLinks(panel, "is taken by", 0, 1);
}

function showLinks(panel, title, own, other) {
  const found = view().links.filter(link => link[own] === state.selected);
  if (!found.length) return;
  makeHtml(panel, "h2", `${title} (${found.length})`, { style: "margin-top:12px" });
  for (const link of found.slice(0, 30)) {
    const text = `${view().boxes[link[other]].name} ${link[3] ? "(order only)" : link[2]}`;
    makeHtml(panel, "a", text, { href: "#" }).onclick = event => { event.preventDefault(); goTo(link[other]); };
  }
}

function search(text) {
  const list = byId("found");
  list.replaceChildren();
  if (!text || state.stage === "memory") return;
  const wanted = text.toLowerCase(), boxes = view().boxes;
  for (let k = 1, shown = 0; k < boxes.length && shown < 30; k++) {
    if (!boxes[k].name.toLowerCase().includes(wanted)) continue;
    shown++;
    const item = makeHtml(list, "li", boxes[k].name.slice(0, 120), { tabindex: 0 });
    item.onclick = () => { list.replaceChildren(); goTo(k); };
    item.onkeydown = event => { if (event.key === "Enter") item.onclick(); };
  }
  if (!list.children.length) makeHtml(list, "li", "no such name");
}

// ---- moving

function moveWorld() {
  world.setAttribute("transform", `translate(${state.x} ${state.y}) scale(${state.scale})`);
}

function fit() {
  const frame = picture.getBoundingClientRect();
  state.scale = Math.min(1.3, Math.max(0.02, 0.96 * Math.min(frame.width / layout.width, (frame.height - 30) / layout.height)));
  state.x = (frame.width - layout.width * state.scale) / 2;
  state.y = 6;
  moveWorld();
  fitted = world.getAttribute("transform");
}

function zoom(factor, x, y) {
  const scale = Math.min(8, Math.max(0.02, state.scale * factor));
  state.x = x - (x - state.x) * scale / state.scale;
  state.y = y - (y - state.y) * scale / state.scale;
  state.scale = scale;
  moveWorld();
}

function show(stage) {
  state.stage = stage;
  state.selected = null;
  for (const tab of byId("tabs").children) tab.setAttribute("aria-pressed", tab.textContent === stage);
  byId("found").replaceChildren();
  draw();
  fit();
  showDetails();
  showLegend();
}

function showLegend() {
  const legend = byId("legend");
  legend.replaceChildren();
  for (const [name, colour] of state.stage === "memory" ? [] : view().legends[state.scheme]) {
    const item = makeHtml(legend, "span");
    makeHtml(item, "i").style.background = colour;
    item.append(name.slice(0, 40));
  }
}

let dragged = null;
picture.addEventListener("pointerdown", event => { dragged = { x: event.clientX, y: event.clientY, far: false }; });
window.addEventListener("pointermove", event => {
  if (!dragged || !event.buttons) return;
  const [byX, byY] = [event.clientX - dragged.x, event.clientY - dragged.y];
  if (!dragged.far && Math.abs(byX) + Math.abs(byY) < 4) return;
  dragged = { x: event.clientX, y: event.clientY, far: true };
  state.x += byX;
  state.y += byY;
  moveWorld();
});
picture.addEventListener("click", event => {
  if (dragged && dragged.far) return;
  const knob = event.target.closest("[data-fold]"), box = event.target.closest("[data-box]");
  if (knob) toggle(Number(knob.dataset.fold));
  else if (state.stage !== "memory") select(box ? Number(box.dataset.box) : null);
});
picture.addEventListener("dblclick", event => {
  const box = event.target.closest("[data-box]");
  if (box && !event.target.closest("[data-fold]") && Number(box.dataset.box) in view().scopes) toggle(Number(box.dataset.box));
});
picture.addEventListener("wheel", event => {
  event.preventDefault();
  const frame = picture.getBoundingClientRect();
  zoom(Math.exp(-event.deltaY / 500), event.clientX - frame.left, event.clientY - frame.top);
}, { passive: false });
window.addEventListener("keydown", event => {
  const frame = picture.getBoundingClientRect(), typing = event.target.tagName === "INPUT";
  if (event.key === "Escape") { byId("found").replaceChildren(); picture.focus(); }
  if (typing || event.ctrlKey || event.metaKey) return;
  if (event.key === "/") { event.preventDefault(); byId("search").focus(); }
  if (event.key === "+") zoom(1.25, frame.width / 2, frame.height / 2);
  if (event.key === "-") zoom(0.8, frame.width / 2, frame.height / 2);
  if (event.key === "0") fit();
});

// A frame of a notebook gets its size after the page is there; what the user has moved stays.
new ResizeObserver(() => { if (world.getAttribute("transform") === fitted) fit(); }).observe(picture);

for (const name of [...Object.keys(data.views), ...(data.plan ? ["memory"] : [])])
  makeHtml(byId("tabs"), "button", name, { role: "tab" }).onclick = () => show(name);
for (const name of schemes) makeHtml(byId("scheme"), "option", name);
byId("scheme").value = state.scheme;
byId("scheme").onchange = event => { state.scheme = event.target.value; if (state.stage !== "memory") { draw(); showLegend(); } };
byId("search").oninput = event => search(event.target.value);
byId("search").onkeydown = event => { if (event.key === "Enter" && byId("found").firstChild.onclick) byId("found").firstChild.onclick(); };
byId("fit").onclick = fit;
byId("fold").onclick = () => { if (state.stage !== "memory") { opened[state.stage] = new Set([0]); draw(); fit(); } };
byId("unfold").onclick = () => { if (state.stage !== "memory") unfold(); };
show(state.stage);
