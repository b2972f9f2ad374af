"use strict";
// Coordinates for a view whose boxes have their order: the same steps as layout.py.
const HEADER = 24, PADDING = 12, DISTANCE = 14, SWEEPS = 6;
const BOX = 0, PORT = 1, BEND = 2;
const TURNED = 1, CONTROL = 2, BACK = 4, STRAIGHT = 8;

const upper = s => s[5] & TURNED ? s[1] : s[0];
const lower = s => s[5] & TURNED ? s[0] : s[1];

/** Place all that shows when the boxes in the set `opened` are open. */
function layoutView(view, opened, boxHeight) {
  const inside = new Map();
  const place = number => {
    const scope = view.scopes[number];
    for (const [kind, child] of scope.items)
      if (kind === BOX && opened.has(child) && view.scopes[child]) place(child);
    inside.set(number, placeScope(view, number, inside, boxHeight));
  };
  place(0);
  const result = { boxes: new Map(), lines: [], width: inside.get(0).width, height: inside.get(0).height };
  const settle = (number, x, y) => {
    const held = inside.get(number);
    result.boxes.set(number, { x, y, width: held.width, height: held.height, open: true });
    held.scope.items.forEach(([kind, child], item) => {
      if (kind !== BOX) return;
      const left = x + held.x[item] - held.sizes[item][0] / 2, top = y + topOf(held, item);
      if (inside.has(child)) settle(child, left, top);
      else result.boxes.set(child, { x: left, y: top, width: held.sizes[item][0], height: held.sizes[item][1], open: false });
    });
    held.scope.segments.forEach((segment, index) => result.lines.push(lineOf(held, number, segment, index, inside, x, y)));
  };
  settle(0, 0, 0);
  return result;
}

function topOf(held, item) {
  const [top, height] = held.rows[held.rowOf[item]];
  return top + (height - held.sizes[item][1]) / 2;
}

function showsLabel(scope, item, inside) {
  const segment = scope.segments[scope.items[item][1]];
  const [kind, source] = scope.items[segment[0]];
  if (kind === PORT || inside.has(source) || !segment[3]) return false;
  return item === (segment[5] & TURNED ? segment[2][segment[2].length - 1] : segment[2][0]);
}

function placeScope(view, number, inside, boxHeight) {
  const scope = view.scopes[number];
  const sizes = scope.items.map(([kind, index], item) => {
    if (kind === PORT) return [10, 0];
    if (kind === BEND) return showsLabel(scope, item, inside) ? [scope.segments[index][4] + 8, 14] : [8, 0];
    const child = inside.get(index);
    return child ? [child.width, child.height] : [view.boxes[index].width, boxHeight];
  });
  const held = { scope, sizes, rows: [], rowOf: [], x: columns(scope, sizes, inside) };
  scope.rows.forEach((row, index) => row.forEach(item => { held.rowOf[item] = index; }));
  let y = HEADER, left = Infinity, right = -Infinity;
  scope.rows.forEach((row, index) => {
    const height = Math.max(...row.map(item => sizes[item][1]));
    held.rows.push([y, height]);
    y += height;
    if (index + 1 < scope.rows.length) y += gapAfter(scope, held, index);
    for (const item of row) {
      left = Math.min(left, held.x[item] - sizes[item][0] / 2);
      right = Math.max(right, held.x[item] + sizes[item][0] / 2);
    }
  });
  if (!scope.items.length) left = right = 0;
  held.width = Math.max(right - left + 2 * PADDING, view.boxes[number].titleWidth + 90);
  const shift = (held.width - (right - left)) / 2 - left;
  held.x = held.x.map(place => place + shift);
  held.height = y + PADDING;
  return held;
}

function gapAfter(scope, held, index) {
  const row = scope.rows[index], next = scope.rows[index + 1];
  const bends = [...row, ...next].some(item => scope.items[item][0] === BEND);
  const widest = Math.max(
    Math.abs(held.x[row[0]] - held.x[next[next.length - 1]]),
    Math.abs(held.x[row[row.length - 1]] - held.x[next[0]]));
  return (bends ? 16 : 30) + Math.min(24, 0.02 * widest);
}

function attach(scope, segment, item, inside) {
  const [kind, index] = scope.items[item];
  const port = item === segment[0] ? segment[7] : segment[8];
  if (kind !== BOX || !inside.has(index) || port < 0) return 0;
  return inside.get(index).x[port] - inside.get(index).width / 2;
}

function columns(scope, sizes, inside) {
  const above = scope.items.map(() => []), below = scope.items.map(() => []);
  for (const segment of scope.segments) {
    if (segment[5] & STRAIGHT) continue;
    const chain = [upper(segment), ...segment[2], lower(segment)];
    for (let k = 0; k + 1 < chain.length; k++) {
      const [high, low] = [chain[k], chain[k + 1]];
      const shift = attach(scope, segment, high, inside) - attach(scope, segment, low, inside);
      below[high].push([low, -shift]);
      above[low].push([high, shift]);
    }
  }
  const x = [];
  const settle = (row, wanted, weights) =>
    solve(wanted, weights, row, sizes).forEach((place, k) => { x[row[k]] = place; });
  for (const row of scope.rows) settle(row, row.map(() => 0), row.map(() => 1));
  for (let turn = 0; turn < 2 * SWEEPS; turn++) {
    const joined = turn % 2 ? below : above;
    for (const row of turn % 2 ? [...scope.rows].reverse() : scope.rows) {
      const mean = item => joined[item].length
        ? joined[item].reduce((sum, [other, shift]) => sum + x[other] + shift, 0) / joined[item].length
        : x[item];
      const weight = item => joined[item].length * (scope.items[item][0] === BEND ? 4 : 1) + 0.05;
      settle(row, row.map(mean), row.map(weight));
    }
  }
  return x;
}

/** The centres nearest to those wanted that keep order and distances: pool adjacent violators. */
function solve(wanted, weights, row, sizes) {
  const offsets = [0];
  for (let k = 1; k < row.length; k++)
    offsets.push(offsets[k - 1] + (sizes[row[k - 1]][0] + sizes[row[k]][0]) / 2 + DISTANCE);
  const pools = [];
  wanted.forEach((place, k) => {
    pools.push([weights[k], place - offsets[k], 1]);
    while (pools.length > 1 && pools[pools.length - 2][1] > pools[pools.length - 1][1]) {
      const last = pools.pop(), before = pools[pools.length - 1];
      const total = before[0] + last[0];
      before[1] = (before[0] * before[1] + last[0] * last[1]) / total;
      before[0] = total;
      before[2] += last[2];
    }
  });
  return pools.flatMap(([, mean, count]) => Array(count).fill(mean)).map((mean, k) => mean + offsets[k]);
}

function lineOf(held, number, segment, index, inside, x, y) {
  const scope = held.scope, points = [];
  let label = null;
  for (const item of [upper(segment), ...segment[2], lower(segment)]) {
    const [top, height] = held.rows[held.rowOf[item]];
    const at = x + held.x[item] + attach(scope, segment, item, inside), kind = scope.items[item][0];
    if (kind === BEND) {
      points.push([at, y + top], [at, y + top + height]);
      if (showsLabel(scope, item, inside)) label = [at, y + top + height / 2];
    } else if (item === upper(segment)) {
      points.push([at, kind === PORT ? y : y + topOf(held, item) + held.sizes[item][1]], [at, y + top + height]);
    } else {
      points.push([at, y + top], [at, y + (kind === PORT ? held.height : topOf(held, item))]);
    }
  }
  if (segment[5] & TURNED) points.reverse();
  const [kind, target] = scope.items[segment[1]];
  return { scope: number, index, segment, points, label, arrow: kind === BOX && !inside.has(target) };
}
