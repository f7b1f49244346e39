// What lies around the traces: ECG paper under them, unreliable sections, axes of time and voltage.

import { clock, number } from "./words.js";

const SQUARE_S = 0.2;
const SQUARE_MV = 0.5;
const FINEST = 3; // pixels between lines of the paper
const LABEL = 84; // pixels between labels of time
const EDGE = 24; // pixels from the right edge in which a label of time would be cut off
const VOLTS = 18; // pixels between labels of voltage
const STEPS = [0.04, 0.2, 1, 2, 5, 10, 30, 60, 120, 300, 600, 1800, 3600, 7200, 14400, 43200];
const HATCH = 10; // pixels between its lines

export const LEFT = 52; // pixels left of the traces
export const BELOW = 28;

const FONT = "12px";

/** Return the colours and the font that the style sheet has for light and dark. */
export function palette() {
  const style = getComputedStyle(document.documentElement);
  const names = ["text", "quiet", "line", "paper", "small", "large", "before", "after", "removed"];
  const colours = [...names, "doubt", "doubt-text", "mark", "beat", "font"];
  return Object.fromEntries(colours.map((name) => [name, style.getPropertyValue(`--${name}`).trim()]));
}

/** Return the axis of time of a plot whose colours are `look()`. */
export function timeAxis(look) {
  return {
    ...axis(look),
    size: BELOW,
    splits: (plot) => every(step(plot), plot.scales.x),
    values: (plot, ticks) => {
      const digits = step(plot) < 1 ? (step(plot) < 0.1 ? 2 : 1) : 0;
      const right = plot.bbox.width / ratio() - EDGE;
      return ticks.map((tick) => (plot.valToPos(tick, "x") > right ? "" : clock(tick, digits)));
    },
  };
}

/** Return the axis of voltage; without numbers where several leads lie above each other. */
export function voltAxis(look, isOne) {
  if (!isOne) return { ...axis(look), size: LEFT, values: () => [], ticks: { show: false } };
  return {
    ...axis(look),
    label: "mV",
    labelSize: 18,
    labelFont: `${FONT} ${look().font}`,
    labelGap: 0,
    size: LEFT - 18,
    splits: (plot) => {
      const millivolt = scale(plot, "y");
      return every(millivolt >= VOLTS ? 1 : millivolt * 2 >= VOLTS ? 2 : 5, plot.scales.y);
    },
    values: (_, ticks) => ticks.map((tick) => number(tick, 0)),
  };
}

/** Return a plot's space between its axes, empty, in the paper's colour. */
export function ground(plot, look) {
  const { left, top, width, height } = plot.bbox;
  plot.ctx.fillStyle = look().paper;
  plot.ctx.fillRect(left, top, width, height);
}

/** Draw the paper's lines: squares of 0.2 s and 0.5 mV and, where they fit, of a fifth of that. */
export function squares(plot, look) {
  const isPaper = scale(plot, "x") * SQUARE_S >= FINEST;
  const isFine = [scale(plot, "x") * SQUARE_S, scale(plot, "y") * SQUARE_MV].map(
    (square) => isPaper && square >= 5 * FINEST,
  );
  if (isFine[0]) lines(plot, "x", SQUARE_S / 5, look().small);
  if (isFine[1]) lines(plot, "y", SQUARE_MV / 5, look().small);
  lines(plot, "x", isPaper ? SQUARE_S : step(plot), look().large);
  lines(plot, "y", SQUARE_MV, look().large);
}

/** Hatch segments {start, stop} in seconds, in a part of a plot {from, to (s), top, height (pixels)}. */
export function hatch(plot, segments, look, { from, to, top, height } = whole(plot)) {
  const { ctx } = plot;
  const seen = segments.filter(({ start, stop }) => stop > from && start < to);
  const edges = seen.map(({ start, stop }) =>
    [Math.max(start, from), Math.min(stop, to)].map((at) => plot.valToPos(at, "x", true)),
  );
  if (!edges.length) return;
  ctx.save();
  for (const [alpha, fill] of [[0.1, look().doubt], [0.35, diagonals(ctx, look().doubt)]]) {
    ctx.globalAlpha = alpha;
    ctx.fillStyle = fill;
    for (const [left, right] of edges) {
      ctx.fillRect(left, top, Math.max(right - left, 1), height);
    }
  }
  ctx.restore();
}

/** Mark segments along the upper edge, so that short ones can be seen from afar. */
export function mark(plot, segments, look, { from, to, top } = whole(plot)) {
  const { ctx } = plot;
  ctx.save();
  ctx.fillStyle = look().doubt;
  for (const { start, stop } of segments) {
    if (stop <= from || start >= to) continue;
    const [left, right] = [Math.max(start, from), Math.min(stop, to)].map((at) => plot.valToPos(at, "x", true));
    ctx.fillRect(left, top, Math.max(right - left, 3 * ratio()), 4 * ratio());
  }
  ctx.restore();
}

const whole = ({ bbox, scales }) => ({ from: scales.x.min, to: scales.x.max, top: bbox.top, height: bbox.height });

/** Write a text on a patch of paper, its upper left corner at some pixels; return its width. */
export function write(ctx, text, left, top, { look, colour, size = 12, weight = "" }) {
  const pixel = ratio();
  ctx.save();
  ctx.font = `${weight} ${size * pixel}px ${look().font}`;
  ctx.textBaseline = "top";
  ctx.textAlign = "left";
  const { width } = ctx.measureText(text);
  ctx.fillStyle = look().paper;
  ctx.globalAlpha = 0.85;
  ctx.fillRect(left, top, width + 6 * pixel, (size + 6) * pixel);
  ctx.fillStyle = colour;
  ctx.globalAlpha = 1;
  ctx.fillText(text, left + 3 * pixel, top + 3 * pixel);
  ctx.restore();
  return width + 6 * pixel;
}

function axis(look) {
  return {
    stroke: () => look().text,
    font: `${FONT} ${look().font}`,
    gap: 4,
    grid: { show: false },
    ticks: { stroke: () => look().line, size: 5, width: 1 },
    border: { show: true, stroke: () => look().line, width: 1 },
  };
}

export const ratio = () => window.uPlot.pxRatio; // pixels of the screen in one of CSS

/** Return CSS pixels in a second or a millivolt. */
function scale(plot, name) {
  const { min, max } = plot.scales[name];
  return (name === "x" ? plot.bbox.width : plot.bbox.height) / ratio() / (max - min);
}

const step = (plot) => STEPS.find((one) => one * scale(plot, "x") >= LABEL) ?? STEPS.at(-1);

function every(interval, { min, max }) {
  const first = Math.ceil(min / interval - 1e-9);
  const count = Math.floor(max / interval + 1e-9) - first + 1;
  return Array.from({ length: Math.max(0, count) }, (_, i) => (first + i) * interval);
}

function lines(plot, name, interval, colour) {
  const { ctx, bbox } = plot;
  const width = Math.max(1, Math.round(ratio()));
  const offset = (width % 2) / 2; // so that a line fills whole pixels
  ctx.beginPath();
  for (const value of every(interval, plot.scales[name])) {
    const at = Math.round(plot.valToPos(value, name, true)) + offset;
    const [x, y] = name === "x" ? [at, bbox.top] : [bbox.left, at];
    ctx.moveTo(x, y);
    ctx.lineTo(name === "x" ? x : x + bbox.width, name === "x" ? y + bbox.height : y);
  }
  ctx.lineWidth = width;
  ctx.strokeStyle = colour;
  ctx.stroke();
}

function diagonals(ctx, colour) {
  const tile = document.createElement("canvas");
  tile.width = tile.height = Math.round(HATCH * ratio());
  const drawing = tile.getContext("2d");
  drawing.strokeStyle = colour;
  drawing.lineWidth = ratio();
  for (const at of [-1, 0, 1]) { // its neighbours' corners too
    drawing.moveTo((at - 0.1) * tile.width, 1.1 * tile.width);
    drawing.lineTo((at + 1.1) * tile.width, -0.1 * tile.width);
  }
  drawing.stroke();
  return ctx.createPattern(tile, "repeat");
}
