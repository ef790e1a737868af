"use strict";
// One selection of points (`chosen`) in all views. Arrays are unpacked when they are first needed.
const $ = (id) => document.getElementById(id);
const facts = JSON.parse($("facts").textContent);
const n = facts.n, groups = facts.groups, realizations = facts.realizations, clusters = facts.clusters;
const hasMaps = realizations.length > 0 && "xdim" in realizations[0];
const noun = hasMaps ? "map" : "clustering";
const INK = "#1a1a1a", EMPTY = "#e8e8e8", MUTED = "#8c8c8c", NONE_LABEL = "no group";
const thousands = (k) => k.toLocaleString("en-US");
const some = (k, word) => `${thousands(k)} ${word}${k === 1 ? "" : "s"}`;
const percent = (share) => {
  const value = 100 * share;
  if (value > 0 && value < 0.1) return "<0.1 %";
  if (value >= 99.95 && value < 100) return ">99.9 %";
  return `${value.toFixed(1).replace(/\.0$/, "")} %`;
};
const plain = (value) => {
  if (!Number.isFinite(value)) return Number.isNaN(value) ? "missing" : value > 0 ? "∞" : "−∞";
  if (value === 0) return "0";
  const size = Math.abs(value);
  const text = size >= 1e7 || size < 1e-4 ? value.toExponential(3).replace(/\.?0+e/, "e").replace("e+", "e")
    : size >= 10000 ? Math.round(value).toLocaleString("en-US") : String(Number(value.toPrecision(4)));
  return text.replace(/^-/, "−").replace("e-", "e−");
};
const make = (tag, attributes = {}, ...children) => {
  const element = document.createElement(tag);
  for (const [key, value] of Object.entries(attributes)) {
    if (key.startsWith("on")) element.addEventListener(key.slice(2), value);
    else if (key === "class") element.className = value;
    else element.setAttribute(key, value);
  }
  element.append(...children);
  return element;
};
const drawing = (tag, attributes) => {
  const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  return element;
};
const markerOf = (colour, marker) => {
  const svg = drawing("svg", { viewBox: "0 0 20 20", class: "marker", "aria-hidden": "true" });
  svg.append(drawing("path", { d: facts.markers[marker], fill: colour, stroke: INK, "stroke-width": 0.8 }));
  return svg;
};
const say = (text) => { $("said").textContent = text; };

// ---- Arrays
const TYPES = { u1: Uint8Array, u2: Uint16Array, u4: Uint32Array, i4: Int32Array, f4: Float32Array };
const unpacked = new Map();
async function inflate(text) {
  const raw = atob(text), bytes = new Uint8Array(raw.length);
  for (let i = 0; i < raw.length; i++) bytes[i] = raw.charCodeAt(i);
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}
function unpack(name) {
  if (!unpacked.has(name)) unpacked.set(name, read(name));
  return unpacked.get(name);
}
async function read(name) {
  const element = $(`a-${name}`);
  if (!element) return null;
  const kind = element.dataset.kind, bytes = await inflate(element.textContent);
  element.textContent = "";
  if (kind === "json") return JSON.parse(new TextDecoder().decode(bytes));
  const width = Number(kind[1]), count = bytes.length / width;
  if (width === 1) return bytes;
  const joined = new Uint8Array(bytes.length);
  for (let plane = 0; plane < width; plane++) {
    for (let i = 0, from = plane * count, to = plane; i < count; i++, from++, to += width) joined[to] = bytes[from];
  }
  return new TYPES[kind](joined.buffer);
}
const none = (array) => (array instanceof Uint8Array ? 255 : array instanceof Uint16Array ? 65535 : 4294967295);

const data = { labels: [], columns: [], ids: [], maps: [] };
async function load() {
  const names = ["rows", "group", "second", "confidence", "second_share", "signal", "novelty", "scores", "cells"];
  for (const name of names) data[name] = await unpack(name);
  for (let i = 1; i < n; i++) data.rows[i] += data.rows[i - 1];
  for (const name of ["confidence", "second_share"]) data[name] = Float32Array.from(data[name], (v) => v / 65535);
  for (let k = 0; k < facts.ids.length; k++) data.ids.push(await unpack(`id-${k}`));
  for (let k = 0; k < facts.columns.length; k++) {
    data.columns.push({ title: facts.columns[k], codes: await unpack(`column-${k}`), names: await unpack(`values-${k}`) });
  }
  data.features = new Map();
  for (const [k, title] of facts.features) data.features.set(k, { title, values: await unpack(`feature-${k}`) });
  for (let r = 0; r < realizations.length; r++) data.labels.push(await unpack(`labels-${r}`));
  data.similarity = await inflate(facts.similarity);
  const size = groups.length;
  data.group = Int32Array.from(data.group, (g) => (g < size ? g : -1));
  data.second = Int32Array.from(data.second, (g) => (g < size ? g : -1));
}
async function loadMap(r) {
  if (!data.maps[r] && hasMaps) {
    const parts = ["u", "nodes", "hits", "majority", "purity", "planes", "winners"];
    const found = {};
    for (const part of parts) found[part] = await unpack(`${part}-${r}`);
    data.maps[r] = found;
  }
  return data.maps[r];
}

// ---- Names and colours of groups
const own = groups.map((g) => ({ name: g.name, colour: g.colour }));
const title = (g) => (g < 0 ? NONE_LABEL : groups[g].name || `group ${g}`);
const longTitle = (g) => (g < 0 ? NONE_LABEL : groups[g].name ? `${g} ${groups[g].name}` : `group ${g}`);
const colourOf = (g) => (g < 0 ? MUTED : groups[g].colour);
let edited = false;

// ---- Colours
const rgb = (hex) => [1, 3, 5].map((k) => parseInt(hex.slice(k, k + 2), 16));
const packedColour = ([r, g, b], pale = 0) => {
  const mix = (v) => Math.round(v + (255 - v) * pale);
  return (255 << 24 | mix(b) << 16 | mix(g) << 8 | mix(r)) >>> 0;
};
function rampOf(stops) {
  const found = [];
  for (let k = 0; k < 256; k++) {
    const at = k / 255 * (stops.length - 1), low = Math.min(Math.floor(at), stops.length - 2), part = at - low;
    const [a, b] = [rgb(stops[low]), rgb(stops[low + 1])];
    found.push(a.map((v, i) => Math.round(v + (b[i] - v) * part)));
  }
  return found;
}
const RAMPS = Object.fromEntries(Object.entries(facts.scales).map(([name, stops]) => [name, rampOf(stops)]));
const css = ([r, g, b]) => `rgb(${r},${g},${b})`;
function rangeOf(values) {
  let low = Infinity, high = -Infinity;
  for (const v of values) if (Number.isFinite(v)) { if (v < low) low = v; if (v > high) high = v; }
  return low <= high ? [low, high] : [0, 1];
}
// A few far nodes would make all others look alike: the colours end before them, as in the figure.
function farthest(values, [, high]) {
  const known = [...values].filter(Number.isFinite).sort((a, b) => a - b), usual = known[Math.floor(0.98 * (known.length - 1))];
  return high > 2 * usual ? usual : null;
}
function showLegend(element, legend) {
  element.replaceChildren();
  if (legend.ramp) {
    const ramp = make("span", { class: "ramp", "aria-hidden": "true" });
    ramp.style.background = `linear-gradient(to right, ${[0, 64, 128, 192, 255].map((k) => css(legend.ramp[k])).join(",")})`;
    const [low, high] = legend.range.map((v) => plain(Number(v.toPrecision(3))));
    element.append(make("span", { class: "name", title: legend.title }, legend.title), make("span", {}, low, ramp, high));
  }
  for (const [text, colour, marker] of (legend.entries || []).slice(0, 24)) {
    element.append(make("span", {}, markerOf(colour, marker || "o"), text));
  }
  const more = (legend.entries || []).length - 24;
  if (more > 0) element.append(make("span", { class: "soft" }, `and ${more} more`));
  if (legend.note) element.append(make("span", { class: "soft" }, legend.note));
  // What scrolls can be scrolled by keys, too.
  if (element.scrollHeight > element.clientHeight) element.tabIndex = 0;
  else element.removeAttribute("tabindex");
}

// ---- The selection
let chosen = new Uint8Array(n), count = 0;
const history = [];
function counted(mask) {
  let sum = 0;
  for (let i = 0; i < n; i++) sum += mask[i];
  return sum;
}
function choose(mask, remember = true) {
  if (remember) {
    history.push(chosen);
    if (history.length > 30) history.shift();
  }
  chosen = mask;
  count = counted(mask);
  $("undo").disabled = !history.length;
  $("clear").disabled = $("save").disabled = count === 0;
  update("selection");
  say(count ? `${some(count, "point")} selected` : "Nothing is selected");
}
// `inside(i)` or a list of points; with Shift they are added, with Alt taken away.
function pick(found, event = {}) {
  const mask = new Uint8Array(event.shiftKey || event.altKey ? chosen : n), value = event.altKey ? 0 : 1;
  if (typeof found === "function") {
    for (let i = 0; i < n; i++) if (found(i)) mask[i] = value;
  } else for (const i of found) mask[i] = value;
  choose(mask);
}
const clear = () => choose(new Uint8Array(n));
function undo() {
  if (history.length) choose(history.pop(), false);
  $("undo").disabled = !history.length;
}

// ---- State of the views
const byRank = realizations.map((_, r) => r).sort((a, b) => realizations[a].rank - realizations[b].rank);
const state = { r: byRank[0], x: "", y: "", colour: "group", fill: "u", order: "rank", view: "scatter", axis: 0, slice: 0 };
const pending = new Set();
let frame = 0;
const UPDATES = {
  points: () => { drawPoints(); fillSheet("points"); },
  map: () => { drawMap(); fillSheet("map"); },
  votes: () => { countVotes(); drawVotes(); fillSheet("votes"); },
  similarity: () => { drawSimilarity(); fillSheet("similarity"); },
  groups: () => fillGroups(),
  tables: () => fillSelection(),
};
function update(...what) {
  for (const name of what) {
    if (name === "selection" || name === "all") Object.keys(UPDATES).forEach((k) => pending.add(k));
    else pending.add(name);
  }
  if (!frame) frame = requestAnimationFrame(() => work(FIRST_DRAWN, () => setTimeout(flush)));
}
// What the eye is on is drawn at once, and what takes longer after it.
const FIRST_DRAWN = ["points", "map"];
function work(names, then) {
  const wanted = names.filter((name) => pending.has(name));
  if (["votes", "similarity", "tables"].some((name) => wanted.includes(name))) countVotes();
  for (const name of wanted) {
    pending.delete(name);
    UPDATES[name]();
  }
  then?.();
}
function flush() {
  frame = 0;
  work(Object.keys(UPDATES));
}
function keepState() {
  const told = new URLSearchParams({ r: realizations[state.r].id, x: state.x, y: state.y, colour: state.colour, shade: state.fill, order: state.order });
  try { window.history.replaceState(null, "", `#${told}`); } catch { /* a page inside another one */ }
}

// ---- Canvases
const ratio = () => Math.min(window.devicePixelRatio || 1, 2);
const overlays = {};
function fit(canvas) {
  const scale = ratio(), box = canvas.parentElement.getBoundingClientRect();
  const width = Math.max(40, Math.round(box.width)), height = Math.max(40, Math.round(box.height));
  if (canvas.width !== Math.round(width * scale) || canvas.height !== Math.round(height * scale)) {
    canvas.width = Math.round(width * scale);
    canvas.height = Math.round(height * scale);
  }
  const g = canvas.getContext("2d");
  g.setTransform(scale, 0, 0, scale, 0, 0);
  g.clearRect(0, 0, width, height);
  g.font = "11px system-ui, sans-serif";
  return { g, width, height, scale };
}
function overlay(name) {
  if (!overlays[name]) {
    const canvas = make("canvas", { "aria-hidden": "true" });
    canvas.style.pointerEvents = "none";
    $(`${name}-view`).after(canvas);
    overlays[name] = canvas;
  }
  return fit(overlays[name]);
}
function random(seed) { // Mulberry32
  return () => {
    seed = (seed + 0x6d2b79f5) | 0;
    let t = Math.imul(seed ^ (seed >>> 15), 1 | seed);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}
const drawOrder = Uint32Array.from({ length: n }, (_, i) => i);
{
  const next = random(facts.seed);
  for (let i = n - 1; i > 0; i--) {
    const j = Math.floor(next() * (i + 1)), kept = drawOrder[i];
    drawOrder[i] = drawOrder[j];
    drawOrder[j] = kept;
  }
}
const sprites = new Map();
function sprite(colour, marker, size, scale, pale) {
  const key = `${colour}${marker}${size}${scale}${pale}`;
  if (!sprites.has(key)) {
    const canvas = document.createElement("canvas"), side = Math.ceil((size + 2) * scale);
    canvas.width = canvas.height = side;
    const g = canvas.getContext("2d"), k = size * scale / 20;
    g.translate(side / 2 - 10 * k, side / 2 - 10 * k);
    g.scale(k, k);
    const path = new Path2D(facts.markers[marker]);
    g.fillStyle = css(rgb(colour).map((v) => Math.round(v + (255 - v) * pale)));
    g.fill(path);
    g.strokeStyle = pale ? "#9aa0a6" : INK;
    g.lineWidth = 1;
    g.stroke(path);
    sprites.set(key, canvas);
    if (sprites.size > 4000) sprites.clear();
  }
  return sprites.get(key);
}

// ---- Points
const variables = new Map();
function listVariables() {
  for (const [k, f] of data.features) variables.set(`f${k}`, { title: f.title, values: f.values });
  if (data.scores) {
    for (const axis of facts.explained.length > 1 && facts.explained[1] > 0 ? [0, 1] : [0]) {
      variables.set(`p${axis}`, { title: `component ${axis + 1} (${percent(facts.explained[axis])} of the variance)`, short: `component ${axis + 1}`, values: data.scores.subarray(axis * n, (axis + 1) * n) });
    }
  }
  variables.set("confidence", { title: "confidence", values: data.confidence });
  if (data.novelty) variables.set("novelty", { title: "novelty", values: data.novelty });
  variables.set("signal", { title: "stacked signal", values: data.signal });
}
let colours = { codes: null, legend: {} }; // Of points: packed colours, and the marker of each category
function colourPoints() {
  const by = state.colour, packed = new Uint32Array(n);
  let hexes, codes, legend;
  const categories = (of, entries) => {
    codes = of;
    hexes = entries.map((e) => e[1]);
    legend = { entries };
  };
  if (by === "group" || by === "second") {
    const present = groups.map((_, g) => g).filter((g) => groups[g].size);
    const entries = groups.map((g, k) => [longTitle(k), g.colour, g.marker]);
    entries.push([by === "second" ? "no second choice" : NONE_LABEL, MUTED, "o"]);
    categories(Int32Array.from(by === "group" ? data.group : data.second, (g) => (g < 0 ? groups.length : g)), entries);
    legend = { entries: entries.filter((_, k) => present.includes(k) || (k === groups.length && codes.includes(k))) };
  } else if (by === "cluster") {
    const labels = data.labels[state.r], first = realizations[state.r].first, absent = none(labels);
    const entries = clustersOf(state.r).map((k) => [`cluster ${clusters.id[first + k]}`, facts.palette[k % 16], Object.keys(facts.markers)[k % 11]]);
    entries.push(["in no cluster", MUTED, "o"]);
    categories(Int32Array.from(labels, (k) => (k === absent ? entries.length - 1 : k)), entries);
    if (!codes.includes(entries.length - 1)) legend = { entries: entries.slice(0, -1) };
  } else if (by.startsWith("c")  && /^c\d+$/.test(by)) {
    const column = data.columns[Number(by.slice(1))];
    categories(column.codes, column.names.map((name, k) => [name || "(none)", facts.palette[k % 16], Object.keys(facts.markers)[k % 11]]));
  } else {
    const variable = variables.get(by), range = rangeOf(variable.values), ramp = RAMPS.values;
    const spread = range[1] - range[0] || 1;
    const lut = ramp.map((c) => packedColour(c)), missing = packedColour(rgb(MUTED));
    for (let i = 0; i < n; i++) {
      const v = variable.values[i];
      packed[i] = Number.isFinite(v) ? lut[Math.round((v - range[0]) / spread * 255)] : missing;
    }
    legend = { ramp, range, title: variable.title };
  }
  if (codes) {
    const lut = hexes.map((hex) => packedColour(rgb(hex)));
    for (let i = 0; i < n; i++) packed[i] = lut[codes[i]];
  }
  const markers = by === "group" || by === "second" ? [...groups.map((g) => g.marker), "o"] : codes ? hexes.map((_, k) => Object.keys(facts.markers)[k % 11]) : null;
  colours = { packed, codes, hexes, markers, legend };
}
const paler = (packed, part) => {
  const mix = (v) => Math.round(v + (255 - v) * part);
  return (255 << 24 | mix(packed >>> 16 & 255) << 16 | mix(packed >>> 8 & 255) << 8 | mix(packed & 255)) >>> 0;
};
const plot = { left: 52, top: 10, right: 12, bottom: 34, window: null, sx: new Float32Array(n), sy: new Float32Array(n), key: "" };
function fullWindow() {
  const [x0, x1] = rangeOf(variables.get(state.x).values), [y0, y1] = rangeOf(variables.get(state.y).values);
  const mx = (x1 - x0 || Math.abs(x0) || 1) * 0.04, my = (y1 - y0 || Math.abs(y0) || 1) * 0.04;
  return { x0: x0 - mx, x1: x1 + mx, y0: y0 - my, y1: y1 + my };
}
function ticks(low, high, most) {
  const raw = (high - low) / most, power = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 2.5, 5, 10].map((k) => k * power).find((s) => s >= raw), found = [];
  for (let k = Math.ceil(low / step); k * step <= high + step * 1e-9 && found.length < 40; k++) found.push(k * step);
  const digits = Math.max(0, Math.min(8, -Math.floor(Math.log10(step) + 1e-9) + (Math.abs(step / power - 2.5) < 1e-9 ? 1 : 0)));
  const wide = Math.max(Math.abs(low), Math.abs(high)) >= 1e6 || step < 1e-6;
  return found.map((v) => [v, wide ? plain(v) : (Math.abs(v) < step / 1e6 ? 0 : v).toFixed(digits).replace(/^-/, "−")]);
}
const place = (x, y) => {
  const w = plot.window;
  return [
    plot.left + (x - w.x0) / (w.x1 - w.x0) * (plot.width - plot.left - plot.right),
    plot.height - plot.bottom - (y - w.y0) / (w.y1 - w.y0) * (plot.height - plot.top - plot.bottom),
  ];
};
const shortened = (g, text, width) => {
  if (g.measureText(text).width <= width) return text;
  let kept = text;
  while (kept.length > 1 && g.measureText(`${kept}…`).width > width) kept = kept.slice(0, -1);
  return `${kept}…`;
};
function drawPoints() {
  const canvas = $("points-view"), c = fit(canvas);
  showLegend($("points-legend"), colours.legend);
  Object.assign(plot, { width: c.width, height: c.height });
  if (state.view === "grid") return drawSlice(c);
  const key = `${state.x} ${state.y}`;
  if (plot.key !== key || !plot.window) Object.assign(plot, { key, window: fullWindow() });
  const { g, width, height } = c, w = plot.window;
  const X = variables.get(state.x), Y = variables.get(state.y);
  const kx = (width - plot.left - plot.right) / (w.x1 - w.x0), ky = (height - plot.top - plot.bottom) / (w.y1 - w.y0);
  let absent = 0;
  for (let i = 0; i < n; i++) {
    plot.sx[i] = plot.left + (X.values[i] - w.x0) * kx;
    plot.sy[i] = height - plot.bottom - (Y.values[i] - w.y0) * ky;
    if (!Number.isFinite(plot.sx[i] + plot.sy[i])) absent++;
  }
  g.strokeStyle = MUTED;
  g.fillStyle = INK;
  g.lineWidth = 1;
  g.beginPath();
  g.moveTo(plot.left - 0.5, plot.top);
  g.lineTo(plot.left - 0.5, height - plot.bottom + 0.5);
  g.lineTo(width - plot.right, height - plot.bottom + 0.5);
  g.textAlign = "center";
  for (const [v, text] of ticks(w.x0, w.x1, Math.max(2, width / 90))) {
    const [x] = place(v, w.y0);
    g.moveTo(x, height - plot.bottom);
    g.lineTo(x, height - plot.bottom + 4);
    g.fillText(text, x, height - plot.bottom + 14);
  }
  g.textAlign = "right";
  for (const [v, text] of ticks(w.y0, w.y1, Math.max(2, height / 60))) {
    const [, y] = place(w.x0, v);
    g.moveTo(plot.left - 4, y);
    g.lineTo(plot.left, y);
    g.fillText(text, plot.left - 6, y + 4);
  }
  g.stroke();
  g.textAlign = "center";
  g.fillText(shortened(g, X.title, width - plot.left - 20), (plot.left + width - plot.right) / 2, height - 5);
  g.save();
  g.translate(11, (plot.top + height - plot.bottom) / 2);
  g.rotate(-Math.PI / 2);
  g.fillText(shortened(g, Y.title, height - plot.bottom - 10), 0, 0);
  g.restore();
  if (n > 4000) drawDots(c);
  else drawMarkers(c);
  if (absent) $("points-legend").append(make("span", { class: "soft" }, `${some(absent, "point")} without these values ${absent === 1 ? "is" : "are"} not drawn`));
}
function passes(draw) {
  if (!count) return draw((i) => true, 0);
  draw((i) => !chosen[i], 0.78);
  draw((i) => chosen[i], 0);
}
function drawMarkers({ g, width, height, scale }) {
  const size = n > 1500 ? 6 : n > 400 ? 8 : 10;
  g.save();
  g.beginPath();
  g.rect(plot.left, plot.top - 5, width - plot.left - plot.right + 5, height - plot.top - plot.bottom + 10);
  g.clip();
  g.globalAlpha = 0.85;
  passes((wanted, pale) => {
    for (const i of drawOrder) {
      if (!wanted(i) || !Number.isFinite(plot.sx[i] + plot.sy[i])) continue;
      const code = colours.codes ? colours.codes[i] : -1;
      const p = colours.packed[i], hex = code >= 0 ? colours.hexes[code] : `#${[p & 255, p >>> 8 & 255, p >>> 16 & 255].map((v) => v.toString(16).padStart(2, "0")).join("")}`;
      const picture = sprite(hex, code >= 0 ? colours.markers[code] : "o", size, scale, pale);
      g.drawImage(picture, plot.sx[i] - picture.width / 2 / scale, plot.sy[i] - picture.height / 2 / scale, picture.width / scale, picture.height / scale);
    }
  });
  g.restore();
}
function drawDots({ g, width, height, scale }) {
  const left = Math.round(plot.left * scale), top = Math.round(plot.top * scale);
  const w = Math.round((width - plot.left - plot.right) * scale), h = Math.round((height - plot.top - plot.bottom) * scale);
  const picture = g.createImageData(w, h), pixels = new Uint32Array(picture.data.buffer);
  const side = Math.max(2, Math.round((n > 50000 ? 1.6 : 2.6) * scale)), half = side >> 1;
  passes((wanted, pale) => {
    for (let k = 0; k < n; k++) {
      const i = drawOrder[k];
      if (!wanted(i)) continue;
      const x = Math.round(plot.sx[i] * scale) - left - half, y = Math.round(plot.sy[i] * scale) - top - half;
      if (!(x > -side && y > -side && x < w && y < h)) continue; // NaN, too
      const colour = pale ? paler(colours.packed[i], pale) : colours.packed[i];
      for (let dy = Math.max(0, -y); dy < side && y + dy < h; dy++) {
        for (let dx = Math.max(0, -x); dx < side && x + dx < w; dx++) pixels[(y + dy) * w + x + dx] = colour;
      }
    }
  });
  g.putImageData(picture, left, top);
}

// ---- Slices of a grid
const slice = { cells: null, at: null };
function sliceAxes() {
  const shape = facts.shape;
  if (shape.length === 1) return { rows: 1, columns: shape[0], of: (row, column) => column };
  const axes = shape.map((_, k) => k).filter((k) => shape.length < 3 || k !== state.axis);
  const [a, b] = axes.slice(-2), steps = shape.map((_, k) => shape.slice(k + 1).reduce((p, q) => p * q, 1));
  const base = shape.length < 3 ? 0 : state.slice * steps[state.axis];
  return { rows: shape[a], columns: shape[b], of: (row, column) => base + row * steps[a] + column * steps[b], names: [a, b] };
}
function drawSlice({ g, width, height }) {
  if (!slice.cells) {
    slice.cells = new Int32Array(facts.shape.reduce((p, q) => p * q, 1)).fill(-1);
    for (let i = 0; i < n; i++) slice.cells[data.cells[i]] = i;
  }
  const { rows, columns, of, names } = sliceAxes();
  const small = document.createElement("canvas");
  small.width = columns;
  small.height = rows;
  const inner = small.getContext("2d"), picture = inner.createImageData(columns, rows);
  const pixels = new Uint32Array(picture.data.buffer), empty = packedColour(rgb(EMPTY));
  plot.sx.fill(NaN);
  const zoom = Math.min((width - 40) / columns, (height - 30) / rows);
  const w = columns * zoom, h = rows * zoom, left = (width - w) / 2 + 6, top = (height - h) / 2 - 6;
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      const i = slice.cells[of(row, column)], at = (rows - 1 - row) * columns + column;
      pixels[at] = i < 0 ? empty : count && !chosen[i] ? paler(colours.packed[i], 0.78) : colours.packed[i];
      if (i >= 0) {
        plot.sx[i] = left + (column + 0.5) * zoom;
        plot.sy[i] = top + (rows - 0.5 - row) * zoom;
      }
    }
  }
  inner.putImageData(picture, 0, 0);
  g.imageSmoothingEnabled = false;
  g.drawImage(small, left, top, w, h);
  g.strokeStyle = MUTED;
  g.strokeRect(left - 0.5, top - 0.5, w + 1, h + 1);
  g.fillStyle = INK;
  g.textAlign = "center";
  if (names) {
    g.fillText(`axis ${names[1]} (${columns} cells)`, left + w / 2, top + h + 15);
    g.save();
    g.translate(left - 8, top + h / 2);
    g.rotate(-Math.PI / 2);
    g.fillText(`axis ${names[0]} (${rows} cells)`, 0, 0);
    g.restore();
  }
}

// ---- The map
const ROW = Math.sqrt(3) / 2;
const mapView = { cursor: -1, x: null, y: null, cell: 0 };
const clustersOf = (r) => {
  const last = r + 1 < realizations.length ? realizations[r + 1].first : clusters.id.length;
  return Array.from({ length: last - realizations[r].first }, (_, k) => k);
};
function nodesOfMap(width, height) {
  const { xdim, ydim, topology } = realizations[state.r], hexagonal = topology === "hexagonal";
  const w = xdim + (hexagonal && ydim > 1 ? 0.5 : 0), h = hexagonal ? (ydim - 1) * ROW + 2 / Math.sqrt(3) : ydim;
  const cell = Math.min((width - 12) / w, (height - 12) / h, 60);
  const left = (width - w * cell) / 2, bottom = (height + h * cell) / 2, nodes = xdim * ydim;
  const x = new Float32Array(nodes), y = new Float32Array(nodes);
  for (let r = 0; r < nodes; r++) {
    const column = r % xdim, row = Math.floor(r / xdim);
    x[r] = left + (column + 0.5 + (hexagonal && row % 2 ? 0.5 : 0)) * cell;
    y[r] = bottom - (hexagonal ? row * ROW + 1 / Math.sqrt(3) : row + 0.5) * cell;
  }
  Object.assign(mapView, { x, y, cell, hexagonal });
}
function corners(radius) {
  if (!mapView.hexagonal) return [[radius, -radius], [-radius, -radius], [-radius, radius], [radius, radius]];
  return [30, 90, 150, 210, 270, 330].map((a) => [radius * 2 / Math.sqrt(3) * Math.cos(a * Math.PI / 180), -radius * 2 / Math.sqrt(3) * Math.sin(a * Math.PI / 180)]);
}
function planeOf(map, k) {
  const nodes = map.u.length;
  return map.planes ? map.planes.subarray(k * nodes, (k + 1) * nodes) : null;
}
function selectedOfNodes(map) {
  const found = new Float64Array(map.u.length), all = new Float64Array(map.u.length);
  if (map.winners) {
    for (let i = 0; i < n; i++) {
      all[map.winners[i]]++;
      found[map.winners[i]] += chosen[i];
    }
    return { found, all, whole: false };
  }
  const labels = data.labels[state.r], size = clustersOf(state.r).length, absent = none(labels);
  const [of, total] = [new Float64Array(size), new Float64Array(size)];
  for (let i = 0; i < n; i++) {
    if (labels[i] === absent) continue;
    total[labels[i]]++;
    of[labels[i]] += chosen[i];
  }
  for (let r = 0; r < found.length; r++) {
    const k = map.nodes[r];
    if (k < size) { found[r] = of[k]; all[r] = total[k]; }
  }
  return { found, all, whole: true };
}
function drawMap() {
  const { g, width, height } = fit($("map-view")), map = data.maps[state.r];
  if (!map) return;
  nodesOfMap(width, height);
  const { x, y, cell } = mapView, real = realizations[state.r], nodes = x.length;
  let fill, legend;
  if (state.fill === "group") {
    fill = (r) => {
      const group = map.majority[r];
      if (group >= groups.length) return EMPTY;
      const part = 0.75 * (1 - Math.max(0, map.purity[r] / 255 * 2 - 1));
      return css(rgb(colourOf(group)).map((v) => Math.round(v + (255 - v) * part)));
    };
    const present = new Set(map.majority);
    legend = { entries: groups.map((group, k) => [longTitle(k), group.colour, "s"]).filter((_, k) => present.has(k)), note: "paler: half of the points or fewer; grey: no points" };
  } else {
    const [values, ramp, text] = state.fill === "u" ? [map.u, RAMPS.heights, "distance to the neighbours (scaled)"]
      : state.fill === "hits" ? [map.hits, RAMPS.values.slice().reverse(), "points of a node"]
      : [planeOf(map, Number(state.fill.slice(1))), RAMPS.values, facts.planes[Number(state.fill.slice(1))]];
    if (values) {
      const range = rangeOf(values), beyond = state.fill === "u" ? farthest(values, range) : null;
      if (beyond !== null) range[1] = beyond;
      const root = state.fill === "hits" ? Math.sqrt : (v) => v;
      const low = root(range[0]), spread = root(range[1]) - low || 1;
      fill = (r) => (Number.isFinite(values[r]) && !(state.fill === "hits" && !values[r]) ? css(ramp[Math.round(Math.min(1, (root(values[r]) - low) / spread) * 255)]) : EMPTY);
      legend = { ramp, range, title: text, note: state.fill === "hits" ? "grey: none" : beyond !== null ? "a few nodes are farther" : "" };
    } else {
      fill = () => EMPTY;
      legend = { note: "The page holds no features of this map; choose one of higher rank." };
    }
  }
  const shape = corners(cell / 2);
  const grown = corners(cell / 2 + 0.35); // so that no seam shows
  for (let r = 0; r < nodes; r++) {
    g.fillStyle = fill(r);
    g.beginPath();
    for (const [dx, dy] of grown) g.lineTo(x[r] + dx, y[r] + dy);
    g.fill();
  }
  g.strokeStyle = state.fill === "u" ? "#D55E00" : "#fff";
  g.lineWidth = Math.max(1, Math.min(2, cell / 8));
  g.beginPath();
  eachBorder(real, (r, other, a, b) => {
    if (map.nodes[r] === map.nodes[other]) return;
    g.moveTo(x[r] + shape[a][0], y[r] + shape[a][1]);
    g.lineTo(x[r] + shape[b][0], y[r] + shape[b][1]);
  });
  g.stroke();
  const notes = [];
  if (count) {
    const { found, all, whole } = selectedOfNodes(map);
    for (let r = 0; r < nodes; r++) {
      if (!found[r]) continue;
      const radius = Math.max(1.2, 0.42 * cell * Math.sqrt(found[r] / all[r]));
      g.beginPath();
      g.arc(x[r], y[r], radius, 0, 7);
      g.fillStyle = "#fff";
      g.fill();
      g.lineWidth = 1.2;
      g.strokeStyle = "#000";
      g.stroke();
    }
    notes.push(whole ? "circles: share of the cluster that is selected" : "circles: share of the node that is selected");
  }
  if (real.periodic) notes.push("opposite borders are joined");
  if (legend.note) notes.unshift(legend.note);
  showLegend($("map-legend"), { ...legend, note: notes.join("; ") });
  if (mapView.cursor >= 0) markNode(mapView.cursor);
}
// Calls back with node, neighbour, and the two corners of the border between them.
function eachBorder({ xdim, ydim, topology }, call) {
  for (let r = 0; r < xdim * ydim; r++) {
    const column = r % xdim, row = Math.floor(r / xdim);
    if (topology !== "hexagonal") {
      if (column + 1 < xdim) call(r, r + 1, 3, 0);
      if (row + 1 < ydim) call(r, r + xdim, 0, 1);
      continue;
    }
    if (column + 1 < xdim) call(r, r + 1, 5, 0);
    if (row + 1 >= ydim) continue;
    const right = column + (row % 2 ? 1 : 0), left = right - 1;
    if (right < xdim) call(r, (row + 1) * xdim + right, 0, 1);
    if (left >= 0) call(r, (row + 1) * xdim + left, 1, 2);
  }
}
function nodeAt(px, py) {
  const { x, y, cell } = mapView;
  let best = -1, nearest = (cell * 0.75) ** 2;
  for (let r = 0; x && r < x.length; r++) {
    const d = (x[r] - px) ** 2 + (y[r] - py) ** 2;
    if (d < nearest) [best, nearest] = [r, d];
  }
  return best;
}
function markNode(r) {
  const { g } = overlay("map");
  if (r < 0) return;
  g.strokeStyle = "#000";
  g.lineWidth = 3;
  g.beginPath();
  for (const [dx, dy] of corners(mapView.cell / 2)) g.lineTo(mapView.x[r] + dx, mapView.y[r] + dy);
  g.closePath();
  g.stroke();
  g.strokeStyle = "#fff";
  g.lineWidth = 1;
  g.stroke();
}
const inNodes = (wanted) => {
  const map = data.maps[state.r];
  if (map.winners) return (i) => wanted(map.winners[i]);
  const held = new Set();
  for (let r = 0; r < map.nodes.length; r++) if (wanted(r)) held.add(map.nodes[r]);
  return (i) => held.has(data.labels[state.r][i]);
};
function nodeFacts(r) {
  const map = data.maps[state.r], real = realizations[state.r], k = map.nodes[r];
  const rows = [["node", `column ${r % real.xdim}, row ${Math.floor(r / real.xdim)}`], ["points", thousands(map.hits[r])]];
  if (k < clustersOf(state.r).length) rows.push(["cluster", clusterTitle(real.first + k)]);
  if (map.majority[r] < groups.length) rows.push(["most are in", `${longTitle(map.majority[r])} (${percent(map.purity[r] / 255)})`]);
  rows.push(["height", plain(map.u[r])]);
  if (state.fill.startsWith("f")) {
    const plane = planeOf(map, Number(state.fill.slice(1)));
    if (plane) rows.push([facts.planes[Number(state.fill.slice(1))], plain(plane[r])]);
  }
  if (map.winners && map.hits[r]) {
    const names = [];
    for (let i = 0; i < n && names.length < 6; i++) if (map.winners[i] === r) names.push(nameOf(i));
    rows.push(["among them", names.slice(0, 5).join("; ") + (names.length > 5 ? "; …" : "")]);
  }
  return rows;
}
const clusterTitle = (c) => `${clusters.id[c]} (${longTitle(clusters.group[c])})`;

// ---- How the realizations divide the selection
let votes = [], votesOf = null;
function countVotes() {
  if (votesOf === chosen) return;
  votesOf = chosen;
  const list = new Uint32Array(count || n);
  if (count) for (let i = 0, k = 0; i < n; i++) { if (chosen[i]) list[k++] = i; }
  else for (let i = 0; i < n; i++) list[i] = i;
  votes = data.labels.map((labels, r) => {
    const size = clustersOf(r).length, found = new Float64Array(size), first = realizations[r].first;
    for (const i of list) if (labels[i] < size) found[labels[i]]++;
    const parts = [];
    for (let k = 0; k < size; k++) if (found[k]) parts.push({ k, cluster: first + k, group: clusters.group[first + k], share: found[k] / list.length, count: found[k] });
    parts.sort((a, b) => a.group - b.group || b.share - a.share);
    const largest = parts.reduce((best, p) => (p.share > best.share ? p : best), { share: 0, cluster: -1 });
    return { parts, largest };
  });
}
const parameters = [...new Set(realizations.flatMap((real) => Object.keys(real.words)))];
function voteOrder() {
  const found = byRank.slice();
  if (state.order === "kept") found.sort((a, b) => votes[b].largest.share - votes[a].largest.share);
  else if (state.order.startsWith("by:")) {
    const name = state.order.slice(3), value = (r) => realizations[r].words[name] ?? "";
    found.sort((a, b) => value(a).localeCompare(value(b), "en", { numeric: true }));
  }
  return found;
}
const KEPT = 0.95;
const strip = { order: [], left: 40, top: 6, bottom: 18, width: 0 };
function drawVotes() {
  const { g, width, height } = fit($("votes-view")), R = realizations.length;
  strip.order = voteOrder();
  const labelled = state.order.startsWith("by:"), bottom = labelled ? 30 : 18;
  const w = (width - strip.left - 10) / R, h = height - strip.top - bottom;
  Object.assign(strip, { w, h, bottom });
  const gap = w > 5 ? 1 : 0;
  strip.order.forEach((r, at) => {
    let y = strip.top + h;
    const x = strip.left + at * w;
    for (const part of votes[r].parts) {
      const tall = part.share * h;
      g.fillStyle = colourOf(part.group);
      g.fillRect(x, y - tall, Math.max(w - gap, 0.6), tall);
      y -= tall;
      if (w > 3 && tall > 2) {
        g.fillStyle = "#fff";
        g.fillRect(x, y, w - gap, 1);
      }
    }
  });
  g.fillStyle = INK;
  g.textAlign = "right";
  for (const share of [0, 0.5, 1]) g.fillText(`${100 * share} %`, strip.left - 5, strip.top + h * (1 - share) + 4);
  const at = strip.order.indexOf(state.r), x = strip.left + at * w;
  g.strokeStyle = "#000";
  g.lineWidth = 2;
  g.strokeRect(x - 1, strip.top - 1, Math.max(w - gap, 2) + 2, h + 2);
  g.beginPath();
  g.moveTo(x + w / 2, strip.top + h + 3);
  g.lineTo(x + w / 2 - 4, strip.top + h + 10);
  g.lineTo(x + w / 2 + 4, strip.top + h + 10);
  g.fill();
  g.textAlign = "center";
  if (labelled) {
    const name = state.order.slice(3);
    let start = 0, until = -Infinity;
    for (let k = 1; k <= R; k++) {
      const value = realizations[strip.order[start]].words[name];
      if (k < R && realizations[strip.order[k]].words[name] === value) continue;
      const middle = strip.left + (start + k) / 2 * w, size = g.measureText(value).width;
      if (k < R) g.fillRect(strip.left + k * w - (gap + 1) / 2, strip.top + h, 1, 12);
      if (middle - size / 2 > until) {
        g.fillText(value, middle, height - 4);
        until = middle + size / 2 + 6;
      }
      start = k;
    }
  } else {
    const text = state.order === "rank" ? `${noun}s by rank: most like the consensus first` : `${noun}s that keep most together first`;
    g.fillText(shortened(g, text, width - 30), strip.left + (width - strip.left) / 2, height - 3);
  }
  const kept = votes.filter((v) => v.largest.share >= KEPT).length, of = `${some(R, noun)}`;
  $("votes-words").textContent = !count ? `Nothing is selected: each ${noun} with its clusters, in the colours of their groups.`
    : `Most of the selection is in ${majorities()}. One cluster holds at least 95 % of it in ${kept === R ? `all ${of}` : `${kept} of ${of}`}.`;
}
// "group 2 in 29 maps, group 0 in 7": where each realization has most of the selection.
function majorities() {
  const found = new Map();
  for (const { parts } of votes) {
    const sums = new Map([[-1, 0]]);
    for (const part of parts) sums.set(part.group, (sums.get(part.group) ?? 0) + part.share);
    const best = [...sums].reduce((a, b) => (b[1] > a[1] ? b : a))[0];
    found.set(best, (found.get(best) ?? 0) + 1);
  }
  const told = [...found].sort((a, b) => b[1] - a[1] || a[0] - b[0]);
  const text = told.slice(0, 3).map(([g, k], at) => `${title(g)} in ${at ? k : `${k} of ${some(realizations.length, noun)}`}`);
  return text.join(", ") + (told.length > 3 ? `, ${told.length - 3} others in the rest` : "");
}
function voteFacts(r, py) {
  const real = realizations[r], rows = [["rank", `${real.rank} of ${realizations.length}`], ["as the consensus", percent(real.agreement)]];
  for (const [name, value] of Object.entries(real.words)) rows.push([name, value]);
  let share = (strip.top + strip.h - py) / strip.h;
  for (const part of votes[r].parts) {
    if ((share -= part.share) < 0) {
      rows.unshift(["cluster", `${clusterTitle(part.cluster)}: ${percent(part.share)} of the selection`]);
      break;
    }
  }
  return rows;
}

// ---- Similarity
const square = { picture: null, left: 26, top: 8, cursor: [-1, -1] };
const ofClusters = facts.order.length > 0;
const lines = () => (ofClusters ? facts.order : groups.map((_, g) => g));
const groupOfLine = (k) => (ofClusters ? clusters.group[facts.order[k]] : k);
const realizationOf = new Int32Array(clusters.id.length);
realizations.forEach((real, r) => clustersOf(r).forEach((k) => { realizationOf[real.first + k] = r; }));
const inLine = (k) => {
  if (!ofClusters) return (i) => data.group[i] === k;
  const c = facts.order[k], r = realizationOf[c], labels = data.labels[r], local = c - realizations[r].first;
  return (i) => labels[i] === local;
};
function drawSimilarity() {
  const { g, width, height } = fit($("similarity-view")), L = facts.side;
  if (!square.picture) {
    square.picture = document.createElement("canvas");
    square.picture.width = square.picture.height = L;
    const inner = square.picture.getContext("2d"), image = inner.createImageData(L, L);
    const pixels = new Uint32Array(image.data.buffer), lut = RAMPS.similarity.map((c) => packedColour(c));
    for (let k = 0; k < L * L; k++) pixels[k] = lut[data.similarity[k]];
    inner.putImageData(image, 0, 0);
  }
  const side = Math.max(20, Math.min(width - square.left - 40, height - square.top - 8));
  const left = Math.max(square.left, (width - side) / 2), top = square.top, cell = side / L;
  Object.assign(square, { side, at: left, cell });
  g.imageSmoothingEnabled = cell < 1;
  g.drawImage(square.picture, left, top, side, side);
  for (let k = 0; k < L; k++) {
    g.fillStyle = colourOf(groupOfLine(k));
    g.fillRect(left - 11, top + k * cell, 8, Math.max(cell, 0.7) + 0.3);
  }
  if (count) {
    g.fillStyle = INK;
    const covered = coverage();
    for (let k = 0; k < L; k++) g.fillRect(left + side + 3, top + k * cell, 30 * covered[k], Math.max(cell - (cell > 3 ? 1 : 0), 0.7));
  }
  showLegend($("similarity-legend"), { ramp: RAMPS.similarity, range: [0, 1], title: ofClusters ? "shared points of two clusters" : "shared points of two clusters, mean over groups", note: count ? "bars: share of each that is selected" : "" });
}
function coverage() {
  if (!ofClusters) return groups.map((_, k) => selectedOfGroup(k) / Math.max(1, shownOfGroup[k]));
  const shares = new Float64Array(clusters.id.length);
  votes.forEach((v) => v.parts.forEach((p) => { shares[p.cluster] = p.count; }));
  return facts.order.map((c) => (clusterShown[c] ? shares[c] / clusterShown[c] : 0));
}
let clusterShown, shownOfGroup, groupCounts;
function countShown() {
  clusterShown = new Float64Array(clusters.id.length);
  data.labels.forEach((labels, r) => {
    const size = clustersOf(r).length, first = realizations[r].first;
    for (let i = 0; i < n; i++) if (labels[i] < size) clusterShown[first + labels[i]]++;
  });
  shownOfGroup = new Float64Array(groups.length);
  for (let i = 0; i < n; i++) if (data.group[i] >= 0) shownOfGroup[data.group[i]]++;
}
function selectedOfGroup(g) {
  if (!groupCounts || groupCounts.of !== chosen) {
    groupCounts = new Float64Array(groups.length + 1);
    groupCounts.of = chosen;
    for (let i = 0; i < n; i++) if (chosen[i]) groupCounts[data.group[i] < 0 ? groups.length : data.group[i]]++;
  }
  return groupCounts[g];
}
const lineTitle = (k) => (ofClusters ? `cluster ${clusterTitle(facts.order[k])} of ${realizations[realizationOf[facts.order[k]]].id}` : longTitle(k));
const lineAt = (px, py) => {
  const column = Math.floor((px - square.at) / square.cell), row = Math.floor((py - square.top) / square.cell);
  return row >= 0 && row < facts.side && column < facts.side && px > square.at - 14 ? [row, Math.max(column, -1)] : [-1, -1];
};
function pairFacts(row, column) {
  if (column < 0 || column === row) return [[ofClusters ? "cluster" : "group", lineTitle(row)]];
  return [["row", lineTitle(row)], ["column", lineTitle(column)], ["similarity", plain(Number((data.similarity[row * facts.side + column] / 255).toFixed(2)))]];
}
const inPair = (row, column) => {
  const one = inLine(row), other = column >= 0 ? inLine(column) : one;
  return ofClusters ? (i) => one(i) && other(i) : (i) => one(i) || other(i);
};
function markPair() {
  const { g } = overlay("similarity"), [row, column] = square.cursor;
  if (row < 0) return;
  g.strokeStyle = "#D55E00";
  g.lineWidth = 2;
  const side = Math.max(square.cell, 3);
  g.strokeRect(square.at + Math.max(column, 0) * square.cell - 1, square.top + row * square.cell - 1, side + 2, side + 2);
}

// ---- Tables
function fillTable(element, heads, rows, caption) {
  element.replaceChildren();
  if (caption) element.append(make("caption", {}, caption));
  const head = make("tr");
  for (const [text, kind] of heads) {
    const cell = make("th", { scope: "col", class: kind || "" });
    if (text instanceof Node || text) cell.append(text);
    else cell.append(make("span", { class: "hidden" }, "mark"));
    head.append(cell);
  }
  const body = make("tbody");
  for (const row of rows) {
    const line = make("tr");
    row.forEach((value, k) => line.append(make("td", { class: heads[k][1] || "" }, value)));
    body.append(line);
  }
  element.append(make("thead", {}, head), body);
}
const pressed = (text, action, ...before) => make("button", { type: "button", onclick: action }, ...before, text);
const nameOf = (i) => {
  const parts = data.ids.map((values) => values[i]).filter(Boolean);
  return parts.length ? parts.join(", ") : `row ${data.rows[i]}`;
};
function buildGroups() {
  const rows = groups.map((group, g) => {
    const name = make("input", {
      type: "text", maxlength: 60, value: group.name, placeholder: `group ${g}`, "aria-label": `Name of group ${g}`,
      oninput: () => { group.name = name.value.trim(); renamed(); },
    });
    const colour = make("input", {
      type: "color", value: group.colour.toLowerCase(), "aria-label": `Colour of group ${g}`,
      oninput: () => { group.colour = colour.value.toUpperCase(); renamed(); },
    });
    const button = make("button", { type: "button", "aria-label": `Select group ${g}`, onclick: (event) => pick((i) => data.group[i] === g, event) }, markerOf(group.colour, group.marker), String(g));
    Object.assign(group, { fields: { name, colour, button } });
    return [button, colour, name, thousands(group.size), ""];
  });
  fillTable($("group-table"), [["group"], ["colour"], ["name"], ["points", "number"], ["selected", "number"]], rows);
  groups.forEach((group, g) => { group.cell = $("group-table").tBodies[0].rows[g].cells[4]; });
}
function fillGroups() {
  groups.forEach((group, g) => { group.cell.textContent = count ? `${thousands(selectedOfGroup(g))}` : ""; });
}
function twins() {
  const seen = new Map();
  for (const [g, group] of groups.entries()) {
    if (group.name && seen.has(group.name)) return [seen.get(group.name), g];
    seen.set(group.name, g);
  }
  return null;
}
function renamed() {
  edited = true;
  const equal = twins();
  $("names-words").textContent = equal ? `Groups ${equal[0]} and ${equal[1]} have one name; give each its own.`
    : "Save the names for the figures, tables and report of the next run.";
  $("save-names").disabled = equal !== null;
  for (const group of groups) group.fields.button.replaceChild(markerOf(group.colour, group.marker), group.fields.button.firstChild);
  nameColours();
  colourPoints();
  update("points", "map", "votes", "similarity", "tables");
}
function saveFile(text, name, type) {
  const link = make("a", { href: URL.createObjectURL(new Blob([text], { type })), download: name });
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(link.href), 10000);
}
function namesFile() {
  const found = groups.map((group, g) => ({ group: g, ...(group.name ? { name: group.name } : {}), colour: group.colour, points: group.size }));
  return `${JSON.stringify({ study: facts.study, groups: found }, null, 1)}\n`;
}
async function openNames(file) {
  try {
    const rows = JSON.parse(await file.text()).groups;
    let other = 0, used = 0;
    for (const row of rows) {
      const group = groups[row.group];
      if (!group) { other++; continue; }
      if ("points" in row && row.points !== group.size) other++;
      if (typeof row.name === "string") group.name = row.name.trim().slice(0, 60);
      if (/^#[0-9a-f]{6}$/i.test(row.colour)) group.colour = row.colour.toUpperCase();
      group.fields.name.value = group.name;
      group.fields.colour.value = group.colour.toLowerCase();
      used++;
    }
    renamed();
    if (other) $("names-words").textContent = `${some(other, "group")} of that file had another size: look whether the names are right, and save them.`;
    say(`Names of ${some(used, "group")} read`);
  } catch {
    $("names-words").textContent = `${file.name} is no file of names as this page saves it.`;
  }
}
function quartiles(k) {
  const values = data.features.get(k).values, parts = [new Float32Array(n - count), new Float32Array(count)], sizes = [0, 0];
  for (let i = 0; i < n; i++) if (!Number.isNaN(values[i])) parts[chosen[i]][sizes[chosen[i]]++] = values[i];
  const [outside, inside] = parts.map((part, side) => {
    const sorted = part.subarray(0, sizes[side]).sort(), last = sizes[side] - 1;
    if (last < 0) return [];
    return [0.25, 0.5, 0.75].map((p) => {
      const low = Math.floor(last * p), step = last * p - low;
      return sorted[low] + (sorted[Math.min(low + 1, last)] - sorted[low]) * step;
    });
  });
  return { inside, outside };
}
// Cohen's d of the selection against the rest, as in tables/group_features.csv.
function effectOf(values) {
  let [a, b, sa, sb] = [0, 0, 0, 0];
  for (let i = 0; i < n; i++) {
    const v = values[i];
    if (Number.isNaN(v)) continue;
    if (chosen[i]) { a++; sa += v; } else { b++; sb += v; }
  }
  if (!a || !b) return NaN;
  const ma = sa / a, mb = sb / b;
  let squares = 0;
  for (let i = 0; i < n; i++) {
    const v = values[i];
    if (!Number.isNaN(v)) squares += (v - (chosen[i] ? ma : mb)) ** 2;
  }
  return ma === mb ? 0 : (ma - mb) / Math.sqrt(squares / (a + b - 2));
}
let showAll = false;
const FIRST = 12;
let differences = [];
function fillSelection() {
  const real = realizations[state.r], of = count || n;
  const words = $("selection-words");
  if (!count) words.textContent = `Nothing is selected: the numbers are of all ${some(n, "point")}. Drag around points or nodes, or take a group from the list.`;
  else {
    let sum = 0, doubt = 0;
    for (let i = 0; i < n; i++) if (chosen[i]) { sum += data.confidence[i]; doubt += data.confidence[i] <= 0.5 || data.second_share[i] > data.confidence[i] / 2 ? 1 : 0; }
    words.textContent = `${some(count, "point")}, ${percent(count / n)}${n < facts.all ? " of those shown" : ""}; mean confidence ${plain(Number((sum / count).toFixed(3)))}; ${thousands(doubt)} in doubt.`;
  }
  const rows = [], bar = (share, colour) => { const span = make("span", { class: "share", "aria-hidden": "true" }); span.style.width = `${Math.round(44 * share)}px`; span.style.background = colour; return span; };
  const cellsOf = (share, colour, covered) => [make("span", {}, bar(share, colour), ` ${percent(share)}`), percent(covered)];
  groups.forEach((group, g) => {
    const found = count ? selectedOfGroup(g) : shownOfGroup[g];
    if (found) rows.push([pressed(longTitle(g), (e) => pick((i) => data.group[i] === g, e)), "all", ...cellsOf(found / of, group.colour, found / shownOfGroup[g])]);
  });
  for (const part of votes[state.r].parts) {
    rows.push([title(part.group), pressed(`cluster ${clusters.id[part.cluster]}`, (e) => pick((i) => data.labels[state.r][i] === part.k, e)), ...cellsOf(part.share, colourOf(part.group), part.count / clusterShown[part.cluster])]);
  }
  fillTable($("lies"), [["group"], ["cluster"], ["of the selection", "number"], ["of it covered", "number"]], rows, `Groups, and clusters of the ${noun} of rank ${real.rank}`);
  fillDifferences();
  fillMembers();
}
function fillDifferences() {
  const shown = count > 0 && count < n && data.features.size > 0;
  for (const id of ["differs", "differs-title"]) $(id).hidden = !shown;
  $("more").hidden = true;
  differences = [];
  if (!shown) return;
  for (const [k, feature] of data.features) differences.push({ k, title: feature.title, effect: effectOf(feature.values) });
  const size = (d) => (Number.isNaN(d.effect) ? -1 : Math.abs(d.effect));
  differences.sort((a, b) => size(b) - size(a) || a.k - b.k);
  const rows = differences.slice(0, showAll ? differences.length : FIRST).map((d) => {
    Object.assign(d, quartiles(d.k));
    const short = (v) => plain(Number(v.toPrecision(3))), text = (q) => (q.length ? short(q[1]) : "");
    const range = (q) => make("span", {}, text(q), make("span", { class: "soft" }, q.length ? `${short(q[0])} to ${short(q[2])}` : ""));
    return [d.title, range(d.inside), range(d.outside), between(d), `${d.effect > 0 ? "+" : ""}${plain(Number(d.effect.toFixed(2)))}`];
  });
  fillTable($("differs"), [["feature"], ["selection"], ["rest"], [make("span", { class: "hidden" }, "picture"), "between"], ["sd", "number"]], rows,
    "Medians (quartiles); difference of the means in standard deviations (sd)");
  $("more").hidden = differences.length <= FIRST;
  $("more").textContent = showAll ? `Show the first ${FIRST}` : `Show all ${differences.length} features`;
}
function between({ inside, outside }) {
  const svg = drawing("svg", { viewBox: "0 0 80 16", "aria-hidden": "true" });
  const all = [...inside, ...outside], low = Math.min(...all), spread = Math.max(...all) - low || 1;
  [[inside, 2, "#00548a"], [outside, 9, "#7a8087"]].forEach(([q, y, colour]) => {
    if (!q.length) return;
    const at = (v) => 2 + 76 * (v - low) / spread;
    svg.append(drawing("rect", { x: at(q[0]), width: Math.max(1, at(q[2]) - at(q[0])), y, height: 5, fill: colour, opacity: 0.55 }));
    svg.append(drawing("rect", { x: at(q[1]) - 1, width: 2, y: y - 1, height: 7, fill: colour }));
  });
  return svg;
}
const LISTED = 100;
function listed() {
  const found = [];
  for (let i = 0; i < n; i++) if (chosen[i]) found.push(i);
  return found.sort((a, b) => data.confidence[a] - data.confidence[b] || a - b);
}
function memberRows(found) {
  return found.slice(0, LISTED).map((i) => [
    pressed(nameOf(i), (e) => pick([i], e)), longTitle(data.group[i]), percent(data.confidence[i]),
    data.second[i] < 0 ? "" : `${title(data.second[i])} ${percent(data.second_share[i])}`, ...(data.novelty ? [plain(Number(data.novelty[i].toFixed(2)))] : []),
  ]);
}
const MEMBER_HEADS = () => [[facts.ids.join(", ") || "row"], ["group"], ["votes", "number"], ["second choice"], ...(data.novelty ? [["novelty", "number"]] : [])];
function fillMembers() {
  const found = count ? listed() : [];
  $("members-words").textContent = !count ? "None." : `${count > LISTED ? `${LISTED} of ${thousands(count)}, the` : "The"} least certain first.`;
  fillTable($("members"), MEMBER_HEADS(), memberRows(found));
}
const quoted = (text) => (/[",\n\r]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);
function memberFile() {
  const heads = ["row", ...facts.ids, ...facts.columns, "group", "group_name", "confidence", "second", "second_share", ...(data.novelty ? ["novelty"] : [])];
  const text = [heads.map(quoted).join(",")];
  for (let i = 0; i < n; i++) {
    if (!chosen[i]) continue;
    const g = data.group[i];
    text.push([
      data.rows[i], ...data.ids.map((v) => quoted(v[i])), ...data.columns.map((c) => quoted(c.names[c.codes[i]])),
      g, quoted(g < 0 ? "" : groups[g].name), data.confidence[i].toFixed(4), data.second[i], data.second_share[i].toFixed(4), ...(data.novelty ? [data.novelty[i].toPrecision(6)] : []),
    ].join(","));
  }
  return `${text.join("\n")}\n`;
}

// ---- Views as tables
const shownAsTable = new Set();
function fillSheet(name) {
  if (!shownAsTable.has(name)) return;
  const region = $(name).querySelector(".sheet-view"), table = make("table");
  if (name === "points") {
    const found = count ? listed() : [];
    const keys = [state.x, state.y].filter((k) => variables.has(k) && /^[fp]/.test(k));
    const heads = [...MEMBER_HEADS(), ...keys.map((k) => [variables.get(k).title, "number"])];
    const rows = memberRows(found).map((row, k) => [...row, ...keys.map((key) => plain(variables.get(key).values[found[k]]))]);
    fillTable(table, heads, rows, count ? `Selected points${count > LISTED ? `: ${LISTED} of ${thousands(count)}` : ""}` : "Nothing is selected");
  } else if (name === "map" && data.maps[state.r]) {
    const map = data.maps[state.r], real = realizations[state.r], { found } = selectedOfNodes(map);
    const nodes = Array.from(map.u, (_, r) => r).filter((r) => map.hits[r]).sort((a, b) => found[b] - found[a] || map.hits[b] - map.hits[a] || a - b);
    fillTable(table, [["node (column, row)"], ["points", "number"], ["selected", "number"], ["most are in"], ["height", "number"]],
      nodes.slice(0, 200).map((r) => [pressed(`${r % real.xdim}, ${Math.floor(r / real.xdim)}`, (e) => pick(inNodes((k) => k === r), e)), thousands(map.hits[r]), thousands(found[r]), map.majority[r] < groups.length ? longTitle(map.majority[r]) : "", plain(map.u[r])]),
      `Nodes with points${nodes.length > 200 ? `: 200 of ${nodes.length}` : ""}`);
  } else if (name === "votes") {
    fillTable(table, [["rank", "number"], [noun], ["as the consensus", "number"], ["largest part", "number"], ["in"], ["parts", "number"]],
      strip.order.map((r) => [String(realizations[r].rank), pressed(realizations[r].id, () => chooseRealization(r)), percent(realizations[r].agreement), percent(votes[r].largest.share), votes[r].largest.cluster < 0 ? "" : clusterTitle(votes[r].largest.cluster), String(votes[r].parts.length)]),
      count ? `How each ${noun} divides the selection` : `How each ${noun} divides all points`);
  } else if (name === "similarity") {
    const size = Math.min(groups.length, 14), sums = Array.from({ length: size }, () => new Float64Array(size)), pairs = sums.map(() => new Float64Array(size));
    for (let a = 0; a < facts.side; a++) {
      for (let b = 0; b < facts.side; b++) {
        const [p, q] = [groupOfLine(a), groupOfLine(b)];
        if (p >= size || q >= size || (ofClusters && realizationOf[facts.order[a]] === realizationOf[facts.order[b]])) continue;
        sums[p][q] += data.similarity[a * facts.side + b] / 255;
        pairs[p][q]++;
      }
    }
    fillTable(table, [["clusters of"], ...sums.map((_, g) => [title(g), "number"])], sums.map((row, p) => [longTitle(p), ...Array.from(row, (v, q) => (pairs[p][q] ? (v / pairs[p][q]).toFixed(2) : ""))]),
      "Mean similarity of the clusters of two groups, of different realizations");
  }
  region.replaceChildren(table);
}

// ---- Pointer and keyboard
function showTip(event, rows, head) {
  const tip = $("tip");
  tip.replaceChildren();
  if (!rows) { tip.hidden = true; return; }
  if (head) tip.append(make("strong", {}, head));
  const table = make("table");
  for (const [name, value] of rows) table.append(make("tr", {}, make("th", { scope: "row" }, name), make("td", {}, value)));
  tip.append(table);
  tip.hidden = false;
  const { offsetWidth: w, offsetHeight: h } = tip, x = event.clientX + 14, y = event.clientY + 14;
  tip.style.left = `${Math.max(4, x + w > innerWidth ? event.clientX - w - 10 : x)}px`;
  tip.style.top = `${Math.max(4, y + h > innerHeight ? event.clientY - h - 10 : y)}px`;
}
function pointAt(px, py, reach = 9) {
  let best = -1, nearest = reach * reach;
  for (let i = 0; i < n; i++) {
    const d = (plot.sx[i] - px) ** 2 + (plot.sy[i] - py) ** 2;
    if (d < nearest || (d === nearest && best >= 0 && chosen[i] > chosen[best])) [best, nearest] = [i, d];
  }
  return best;
}
function pointFacts(i) {
  const rows = [];
  if (data.ids.length) rows.push(["row", String(data.rows[i])]);
  rows.push(["group", `${longTitle(data.group[i])}, ${percent(data.confidence[i])} of the votes`]);
  if (data.second[i] >= 0) rows.push(["second choice", `${longTitle(data.second[i])}, ${percent(data.second_share[i])}`]);
  if (data.novelty) rows.push(["novelty", `${plain(Number(data.novelty[i].toFixed(3)))}${facts.novelty !== null && data.novelty[i] > facts.novelty ? " (foreign)" : ""}`]);
  for (const column of data.columns) rows.push([column.title, column.names[column.codes[i]] || "(none)"]);
  const shown = [...data.features.values()].slice(0, 8);
  for (const key of [state.x, state.y]) {
    const variable = variables.get(key);
    if (variable && key.startsWith("f") && !shown.some((f) => f.title === variable.title)) shown.push(variable);
  }
  for (const feature of shown) rows.push([feature.title, plain(feature.values[i])]);
  if (data.features.size > shown.length) rows.push(["", `and ${data.features.size - shown.length} more features`]);
  return rows;
}
function inside(polygon, x, y) {
  let found = false;
  for (let i = 0, j = polygon.length - 1; i < polygon.length; j = i++) {
    const [xi, yi] = polygon[i], [xj, yj] = polygon[j];
    if (yi > y !== yj > y && x < (xj - xi) * (y - yi) / (yj - yi) + xi) found = !found;
  }
  return found;
}
const tool = () => document.querySelector('input[name="tool"]:checked').value;
// Drags around things with a place in a view: `places()` are their x and y, `take(wanted, event)` selects.
function draggable(name, { places, click, take, hover, leave }) {
  const canvas = $(`${name}-view`);
  let path = null, moved = false, started = null;
  const at = (event) => { const box = canvas.getBoundingClientRect(); return [event.clientX - box.left, event.clientY - box.top]; };
  canvas.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    canvas.focus({ preventScroll: true });
    canvas.setPointerCapture(event.pointerId);
    path = [at(event)];
    moved = false;
    started = plot.window && { ...plot.window };
    showTip(event, null);
  });
  canvas.addEventListener("pointermove", (event) => {
    const here = at(event);
    if (!path) return hover(here, event);
    const [x, y] = path.at(-1);
    if (!moved && Math.hypot(here[0] - path[0][0], here[1] - path[0][1]) < 4) return;
    moved = true;
    if (name === "points" && tool() === "move") {
      if (state.view === "grid") return;
      const kx = (started.x1 - started.x0) / (plot.width - plot.left - plot.right), ky = (started.y1 - started.y0) / (plot.height - plot.top - plot.bottom);
      const dx = (here[0] - path[0][0]) * kx, dy = (here[1] - path[0][1]) * ky;
      plot.window = { x0: started.x0 - dx, x1: started.x1 - dx, y0: started.y0 + dy, y1: started.y1 + dy };
      return update("points");
    }
    if (!take || Math.hypot(here[0] - x, here[1] - y) < 2) return;
    if (tool() === "box") {
      const [x0, y0] = path[0];
      path = [[x0, y0], [here[0], y0], here, [x0, here[1]]];
      path.corner = here;
    } else path.push(here);
    const { g } = overlay(name);
    g.beginPath();
    path.forEach(([px, py]) => g.lineTo(px, py));
    g.closePath();
    g.fillStyle = "#00548a22";
    g.fill();
    g.strokeStyle = "#00548a";
    g.lineWidth = 1.5;
    g.stroke();
    if (tool() === "box") path = Object.assign([path[0], path.corner], { corner: path.corner });
  });
  const end = (event) => {
    if (!path) return;
    let polygon = path;
    path = null;
    overlay(name);
    if (event.type === "pointercancel") return;
    if (!moved) return click(at(event), event);
    if (!take || (name === "points" && tool() === "move")) return;
    if (polygon.corner) {
      const [[x0, y0], [x1, y1]] = [polygon[0], polygon.corner];
      polygon = [[x0, y0], [x1, y0], [x1, y1], [x0, y1]];
    }
    const xs = polygon.map((p) => p[0]), ys = polygon.map((p) => p[1]);
    const [x0, x1, y0, y1] = [Math.min(...xs), Math.max(...xs), Math.min(...ys), Math.max(...ys)];
    const [px, py] = places();
    take((k) => px[k] >= x0 && px[k] <= x1 && py[k] >= y0 && py[k] <= y1 && inside(polygon, px[k], py[k]), event);
  };
  canvas.addEventListener("pointerup", end);
  canvas.addEventListener("pointercancel", end);
  canvas.addEventListener("pointerleave", (event) => { showTip(event, null); if (!path && leave) leave(); });
  canvas.addEventListener("contextmenu", (event) => event.altKey && event.preventDefault());
}
function markPoint(i) {
  const { g } = overlay("points");
  if (i < 0) return;
  g.strokeStyle = "#000";
  g.lineWidth = 2;
  g.beginPath();
  g.arc(plot.sx[i], plot.sy[i], 8, 0, 7);
  g.stroke();
}
function zoom(factor, px, py) {
  if (state.view === "grid" || !plot.window) return;
  const w = plot.window, fx = (px - plot.left) / (plot.width - plot.left - plot.right), fy = (plot.height - plot.bottom - py) / (plot.height - plot.top - plot.bottom);
  const x = w.x0 + fx * (w.x1 - w.x0), y = w.y0 + fy * (w.y1 - w.y0);
  const next = { x0: x - (x - w.x0) * factor, x1: x + (w.x1 - x) * factor, y0: y - (y - w.y0) * factor, y1: y + (w.y1 - y) * factor };
  if (next.x1 - next.x0 < 1e-9 * Math.max(1e-30, Math.abs(x)) || next.y1 - next.y0 < 1e-9 * Math.max(1e-30, Math.abs(y))) return;
  plot.window = next;
  update("points");
}
function shift(dx, dy) {
  const w = plot.window;
  if (!w) return;
  const [mx, my] = [(w.x1 - w.x0) * dx, (w.y1 - w.y0) * dy];
  plot.window = { x0: w.x0 + mx, x1: w.x1 + mx, y0: w.y0 + my, y1: w.y1 + my };
  update("points");
}
const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] };
function keyboard() {
  $("points-view").addEventListener("keydown", (event) => {
    const arrow = ARROWS[event.key];
    if (event.ctrlKey || event.metaKey) return;
    if (arrow) shift(0.1 * arrow[0], 0.1 * arrow[1]);
    else if (event.key === "+" || event.key === "=") zoom(0.8, plot.width / 2, plot.height / 2);
    else if (event.key === "-") zoom(1.25, plot.width / 2, plot.height / 2);
    else if (event.key === "0") { plot.window = null; update("points"); }
    else return;
    event.preventDefault();
  });
  $("map-view")?.addEventListener("keydown", (event) => {
    const real = realizations[state.r], arrow = ARROWS[event.key];
    if (!hasMaps || event.ctrlKey || event.metaKey) return;
    if (arrow) {
      const at = Math.max(mapView.cursor, 0);
      const column = Math.min(real.xdim - 1, Math.max(0, at % real.xdim + (mapView.cursor < 0 ? 0 : arrow[0])));
      const row = Math.min(real.ydim - 1, Math.max(0, Math.floor(at / real.xdim) + (mapView.cursor < 0 ? 0 : arrow[1])));
      mapView.cursor = row * real.xdim + column;
      markNode(mapView.cursor);
      say(nodeFacts(mapView.cursor).map((pair) => pair.join(": ")).join(", "));
    } else if ((event.key === "Enter" || event.key === " ") && mapView.cursor >= 0) pick(inNodes((r) => r === mapView.cursor), event);
    else return;
    event.preventDefault();
  });
  $("votes-view").addEventListener("keydown", (event) => {
    const at = strip.order.indexOf(state.r), step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    const to = event.key === "Home" ? 0 : event.key === "End" ? strip.order.length - 1 : step ? at + step : -1;
    if (to < 0 || to >= strip.order.length) return;
    chooseRealization(strip.order[to]);
    event.preventDefault();
  });
  $("similarity-view").addEventListener("keydown", (event) => {
    const arrow = ARROWS[event.key], hold = (k) => Math.min(facts.side - 1, Math.max(0, k));
    if (event.ctrlKey || event.metaKey) return;
    if (arrow) {
      const [row, column] = square.cursor;
      square.cursor = row < 0 ? [0, 0] : [hold(row - arrow[1]), hold(Math.max(column, 0) + arrow[0])];
      markPair();
      say(pairFacts(...square.cursor).map((pair) => pair.join(": ")).join(", "));
    } else if ((event.key === "Enter" || event.key === " ") && square.cursor[0] >= 0) pick(inPair(...square.cursor), event);
    else return;
    event.preventDefault();
  });
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape") { showTip(event, null); if (count) clear(); }
    const typing = event.target.matches('input[type="text"], input[type="search"]');
    if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "z" && !typing) { undo(); event.preventDefault(); }
  });
}
function pointers() {
  draggable("points", {
    places: () => [plot.sx, plot.sy],
    take: pick,
    click: ([x, y], event) => { const i = pointAt(x, y); if (i >= 0) pick([i], event); else if (count && !event.shiftKey && !event.altKey) clear(); },
    hover: ([x, y], event) => { const i = pointAt(x, y); markPoint(i); showTip(event, i < 0 ? null : pointFacts(i), i < 0 ? "" : nameOf(i)); },
    leave: () => markPoint(-1),
  });
  $("points-view").addEventListener("wheel", (event) => {
    const box = $("points-view").getBoundingClientRect();
    zoom(Math.exp(Math.max(-60, Math.min(60, event.deltaY)) * 0.004), event.clientX - box.left, event.clientY - box.top);
    event.preventDefault();
  }, { passive: false });
  $("points-view").addEventListener("dblclick", () => { plot.window = null; update("points"); });
  if (hasMaps) {
    draggable("map", {
      places: () => [mapView.x, mapView.y],
      take: (wanted, event) => pick(inNodes(wanted), event),
      click: ([x, y], event) => { const r = nodeAt(x, y); if (r >= 0) pick(inNodes((k) => k === r), event); else if (count) clear(); },
      hover: ([x, y], event) => { const r = nodeAt(x, y); markNode(r); showTip(event, r < 0 ? null : nodeFacts(r)); },
      leave: () => markNode(mapView.cursor),
    });
    $("map-view").addEventListener("dblclick", (event) => {
      const box = $("map-view").getBoundingClientRect(), r = nodeAt(event.clientX - box.left, event.clientY - box.top);
      if (r >= 0) { const k = data.maps[state.r].nodes[r]; pick((i) => data.labels[state.r][i] === k, event); }
    });
  }
  const columnAt = (x) => strip.order[Math.floor((x - strip.left) / strip.w)];
  draggable("votes", {
    click: ([x]) => { const r = columnAt(x); if (r !== undefined) chooseRealization(r); },
    hover: ([x, y], event) => { const r = columnAt(x); showTip(event, r === undefined ? null : voteFacts(r, y), r === undefined ? "" : realizations[r].id); },
  });
  draggable("similarity", {
    click: ([x, y], event) => { const [row, column] = lineAt(x, y); if (row >= 0) { square.cursor = [row, column]; pick(inPair(row, column), event); markPair(); } },
    hover: ([x, y], event) => { const [row, column] = lineAt(x, y); showTip(event, row < 0 ? null : pairFacts(row, column)); },
  });
}

// ---- Choices
function addOptions(select, pairs) {
  for (const [value, text] of pairs) select.append(make("option", { value }, text));
}
async function chooseRealization(r) {
  state.r = r;
  $("realization").value = String(r);
  await loadMap(r);
  if (mapView.cursor >= 0 && mapView.cursor >= (data.maps[r]?.u.length ?? 0)) mapView.cursor = -1;
  overlay("map");
  if (state.colour === "cluster") { colourPoints(); update("points"); }
  keepState();
  update("map", "votes", "tables");
  const real = realizations[r];
  say(`${noun} of rank ${real.rank}: ${real.id}`);
}
function choices() {
  listVariables();
  const keys = [...variables].map(([key, v]) => [key, v.short ?? v.title]);
  addOptions($("x"), keys);
  addOptions($("y"), keys);
  const axes = keys.map(([key]) => key), isPlane = axes.includes("p1") && data.features.size !== 2;
  [state.x, state.y] = isPlane ? ["p0", "p1"] : data.features.size > 1 ? axes.slice(0, 2) : [axes[0], axes[1]];
  addOptions($("colour"), [["group", "group"], ["second", "second choice"], ...data.columns.map((c, k) => [`c${k}`, c.title]), ["cluster", `cluster of the ${noun}`], ...keys.filter(([key]) => !key.startsWith("p"))]);
  addOptions($("realization"), byRank.map((r) => [String(r), `${realizations[r].rank}. ${realizations[r].id} · ${percent(realizations[r].agreement)} as the consensus`]));
  addOptions($("fill"), [["u", "U-matrix"], ["group", "groups"], ["hits", "hits"], ...facts.planes.map((name, k) => [`f${k}`, name])]);
  const varying = parameters.filter((name) => new Set(realizations.map((real) => real.words[name])).size > 1);
  addOptions($("order"), [["rank", "rank"], ["kept", "kept together"], ...varying.map((name) => [`by:${name}`, name])]);
  const told = new URLSearchParams(window.location.hash.slice(1)), has = (id, value) => value !== null && [...$(id).options].some((o) => o.value === value);
  for (const [id, key, name] of [["x", "x", "x"], ["y", "y", "y"], ["colour", "colour", "colour"], ["fill", "fill", "shade"], ["order", "order", "order"]]) {
    if (has(id, told.get(name))) state[key] = told.get(name);
    $(id).value = state[key];
    $(id).addEventListener("change", () => {
      state[key] = $(id).value;
      if (id === "colour") colourPoints();
      keepState();
      update(id === "fill" ? "map" : id === "order" ? "votes" : "points");
    });
  }
  const asked = realizations.findIndex((real) => real.id === told.get("r"));
  if (asked >= 0) state.r = asked;
  $("realization").value = String(state.r);
  $("realization").addEventListener("change", () => chooseRealization(Number($("realization").value)));
  if (!hasMaps) $("fill").parentElement.hidden = true;
  colourPoints();
  if (facts.shape) gridChoices();
}
function gridChoices() {
  $("view-choice").hidden = false;
  addOptions($("axis"), facts.shape.map((size, k) => [String(k), `axis ${k}`]));
  const many = facts.shape.length > 2, range = $("slice");
  const show = () => {
    const grid = state.view === "grid";
    for (const element of document.querySelectorAll(".scatter-only")) element.hidden = grid;
    for (const element of document.querySelectorAll(".grid-only")) element.hidden = !grid || !many;
    range.max = facts.shape[state.axis] - 1;
    range.value = state.slice;
    overlay("points");
    update("points");
  };
  $("view").addEventListener("change", () => { state.view = $("view").value; show(); });
  $("axis").addEventListener("change", () => { state.axis = Number($("axis").value); state.slice = Math.floor(facts.shape[state.axis] / 2); show(); });
  range.addEventListener("input", () => { state.slice = Number(range.value); show(); });
  if (many) state.slice = Math.floor(facts.shape[0] / 2);
  state.view = $("view").value = "grid";
  show();
}
function nameColours() {
  $("points-view").setAttribute("aria-label", `Points of the study, ${thousands(n)}; the table of this view lists those selected. Arrow keys move, plus and minus zoom.`);
}
function buttons() {
  $("undo").addEventListener("click", undo);
  $("clear").addEventListener("click", clear);
  $("invert").addEventListener("click", () => choose(chosen.map((v) => 1 - v)));
  $("save").addEventListener("click", () => saveFile(memberFile(), `${facts.study}-selection.csv`, "text/csv"));
  $("save-names").addEventListener("click", () => {
    saveFile(namesFile(), "groups.json", "application/json");
    edited = false;
    $("names-words").textContent = "Saved. Put groups.json beside the file of the study, write groups: {file: groups.json} into it, and run it again.";
  });
  $("open-names").addEventListener("change", (event) => { if (event.target.files[0]) openNames(event.target.files[0]); event.target.value = ""; });
  $("more").addEventListener("click", () => { showAll = !showAll; fillDifferences(); });
  $("help").addEventListener("click", () => {
    $("helping").hidden = !$("helping").hidden;
    $("help").setAttribute("aria-expanded", String(!$("helping").hidden));
  });
  for (const button of document.querySelectorAll(".table-button")) {
    const name = button.dataset.panel, panel = $(name);
    button.setAttribute("aria-label", `Table of ${panel.querySelector("h2").textContent}`);
    button.addEventListener("click", () => {
      const on = !shownAsTable.has(name);
      if (on) shownAsTable.add(name); else shownAsTable.delete(name);
      button.setAttribute("aria-pressed", String(on));
      panel.querySelector(".stage").hidden = on;
      panel.querySelector(".sheet-view").hidden = !on;
      update(name);
    });
  }
  $("tools").addEventListener("submit", (event) => {
    event.preventDefault();
    const text = $("find").value.trim();
    if (!text) return;
    const found = [];
    for (let i = 0; i < n; i++) if (data.ids.some((values) => values[i] === text) || String(data.rows[i]) === text && !data.ids.length) found.push(i);
    if (!found.length) for (let i = 0; i < n; i++) if (data.ids.some((values) => values[i].toLowerCase().includes(text.toLowerCase())) || String(data.rows[i]) === text) found.push(i);
    if (found.length) pick(found, event.submitter ? {} : event);
    else say(`No point is called ${text}`);
    $("find").setAttribute("aria-invalid", String(!found.length));
    $("find").title = found.length ? "" : "No point of that name or row";
  });
  const sizes = new ResizeObserver(() => update("points", "map", "votes", "similarity"));
  for (const stage of document.querySelectorAll(".stage")) sizes.observe(stage);
  window.addEventListener("beforeprint", flush);
  window.addEventListener("beforeunload", (event) => { if (edited) event.preventDefault(); });
}
function describe() {
  const held = groups.filter((group) => group.size).length;
  $("about").textContent = `${n < facts.all ? `${thousands(n)} of ` : ""}${some(facts.all, "point")} · ${some(realizations.length, noun)} · ${some(held, "group")}`;
  for (const note of facts.notes) $("notes").append(make("p", { class: "notice" }, note));
  for (const element of document.querySelectorAll(".noun")) element.textContent = noun;
  $("report").hidden = !facts.report;
  if (!hasMaps) {
    $("map").querySelector(".stage").replaceChildren(make("p", { class: "sentence" }, "The realizations of this study are label files, without a map. Choose here which one the tables speak of."));
    $("map-title").textContent = "Clustering";
    document.querySelector('.table-button[data-panel="map"]').hidden = true;
    UPDATES.map = () => {};
  }
  $("map-view")?.setAttribute("aria-label", "Map: arrow keys go from node to node, Enter selects the points of one. The table of this view lists the nodes.");
  $("votes-view").setAttribute("aria-label", `How each ${noun} divides the selection: arrow keys go from ${noun} to ${noun}. The table of this view has the numbers.`);
  $("similarity-view").setAttribute("aria-label", "Similarity of clusters: arrow keys go from pair to pair, Enter selects their points. The table of this view has the means of groups.");
}
async function start() {
  if (typeof DecompressionStream === "undefined") throw new Error("this browser is too old (it lacks DecompressionStream); take one of 2023 or later");
  await load();
  describe();
  choices();
  countShown();
  await loadMap(state.r);
  nameColours();
  buildGroups();
  buttons();
  keyboard();
  pointers();
  choose(chosen, false);
  flush();
  say("");
}
const ready = start().catch((error) => {
  $("notes").append(make("p", { class: "notice", role: "alert" }, `The page cannot be shown: ${error.message}`));
  throw error;
});
// For scripts and tests.
window.kohorte = {
  ready, facts, state, place, select: (points) => pick(points), votes: () => { countVotes(); return votes; },
  selected: () => Array.from(chosen.keys()).filter((i) => chosen[i]), differences: () => differences, mapView, square, strip, namesFile, memberFile, flush,
};
