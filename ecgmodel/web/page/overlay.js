// What is drawn over the traces: names of leads, pulses of 1 mV, unreliable sections, annotations.

import { hatch, LEFT, mark, ratio, write } from "./paper.js";
import { isBeat } from "./words.js";

const PULSE_S = 0.2;
const APART = 13; // pixels between the symbols of beats from which they can be read
const FAINT = 4; // pixels between beats from which their lines can be told apart

/** Return where a trace lies in a plot: times in s, the rest in pixels of the screen. */
export function panel(plot, chart, { row, from, to }) {
  const { bbox } = plot;
  const { start } = chart.view;
  const height = bbox.height / chart.arranged.rows;
  return {
    from: start + from * chart.span,
    to: start + to * chart.span,
    left: bbox.left + from * bbox.width,
    right: bbox.left + to * bbox.width,
    top: bbox.top + row * height,
    height,
  };
}

/** Hatch each lead's unreliable sections. */
export function shade(plot, chart) {
  for (const trace of chart.arranged.traces) {
    hatch(plot, chart.doubts(trace.lead), () => chart.look, panel(plot, chart, trace));
  }
}

/** Name the leads and say why sections are unreliable. */
export function label(plot, chart) {
  const { traces, rows } = chart.arranged;
  const look = () => chart.look;
  const pixel = ratio();
  for (const trace of traces) {
    const place = panel(plot, chart, trace);
    mark(plot, chart.doubts(trace.lead), look, place);
    let left = place.left + 4 * pixel;
    if (rows > 1) {
      const name = chart.recording.leads[trace.lead];
      const own = { look, colour: chart.look.text, size: 13, weight: "bold" };
      left += write(plot.ctx, name, left, place.top + 4 * pixel, own);
      if (trace.from > 0) separate(plot, place, chart.look);
    }
    plot.ctx.save(); // a reason ends with its lead's part of the paper
    plot.ctx.beginPath();
    plot.ctx.rect(place.left, place.top, place.right - place.left, place.height);
    plot.ctx.clip();
    for (const { start, stop, text } of chart.doubts(trace.lead)) {
      const [begin, end] = [Math.max(start, place.from), Math.min(stop, place.to)];
      if ((end - begin) * chart.perSecond < (rows > 1 ? 110 : 60)) continue;
      const at = Math.max(plot.valToPos(begin, "x", true) + 4 * pixel, left);
      const own = { look, colour: chart.look["doubt-text"] };
      write(plot.ctx, text, at, place.top + 5 * pixel, own);
    }
    plot.ctx.restore();
  }
}

/** Draw a pulse of 1 mV and 0.2 s left of each row, which tells the scale. */
export function pulses(plot, chart) {
  const { rows } = chart.arranged;
  if (rows === 1) return;
  const { ctx, bbox } = plot;
  const pixel = ratio();
  const wide = Math.min(PULSE_S * chart.perSecond, LEFT - 22) * pixel;
  const high = chart.gain * chart.mm * pixel;
  const left = bbox.left - wide - 12 * pixel;
  ctx.save();
  ctx.beginPath();
  for (let row = 0; row < rows; row++) {
    const zero = bbox.top + ((row + 0.5) * bbox.height) / rows;
    const corners = [[-5, 0], [0, 0], [0, high], [wide, high], [wide, 0], [wide + 5 * pixel, 0]];
    corners.forEach(([x, y], i) => ctx[i ? "lineTo" : "moveTo"](left + x, zero - y));
  }
  ctx.strokeStyle = chart.look.text;
  ctx.lineWidth = 1.2 * pixel;
  ctx.stroke();
  ctx.restore();
}

/** Draw beats and events at their time, above the paper. */
export function annotate(plot, chart) {
  const { annotations, view } = chart;
  if (!annotations.shown || !annotations.at.length) return;
  const [first, last] = annotations.between(view.start, view.end);
  const apart = ((view.end - view.start) * chart.perSecond) / Math.max(1, last - first);
  const { ctx, bbox } = plot;
  const pixel = ratio();
  const top = bbox.top - 5 * pixel;
  ctx.save();
  ctx.font = `${12 * pixel}px ${chart.look.font}`;
  ctx.textBaseline = "bottom";
  ctx.lineWidth = pixel;
  let free = -Infinity; // where the last text ends
  for (let i = first; i < last; i++) {
    const text = annotations.text(i);
    if (text === "N" && apart < FAINT) continue;
    const isNote = !isBeat(text) && text.length > 1;
    const at = Math.round(plot.valToPos(annotations.at[i], "x", true)) + 0.5;
    ctx.strokeStyle = ctx.fillStyle = isNote ? chart.look.mark : chart.look.beat;
    ctx.globalAlpha = text === "N" ? 0.5 : 0.9;
    ctx.beginPath();
    ctx.moveTo(at, top);
    ctx.lineTo(at, isNote ? bbox.top + bbox.height : bbox.top);
    ctx.stroke();
    const { width } = ctx.measureText(text);
    const from = isNote ? at + 3 * pixel : at - width / 2;
    if (from >= free && (apart >= APART || text !== "N")) {
      ctx.globalAlpha = 1;
      ctx.textAlign = "left";
      ctx.fillText(text, from, top);
      free = from + width + 4 * pixel;
    }
    if (annotations.lasts?.[i]) span(plot, annotations.at[i], annotations.lasts[i], chart.look.mark);
  }
  ctx.restore();
}

function span(plot, at, seconds, colour) {
  const { top, height } = plot.bbox;
  const { min, max } = plot.scales.x;
  const [left, right] = [Math.max(at, min), Math.min(at + seconds, max)].map((s) => plot.valToPos(s, "x", true));
  plot.ctx.globalAlpha = 0.12;
  plot.ctx.fillStyle = colour;
  plot.ctx.fillRect(left, top, Math.max(right - left, 1), height);
}

function separate({ ctx }, { left, top, height }, look) {
  ctx.save();
  ctx.strokeStyle = look.quiet;
  ctx.lineWidth = ratio();
  ctx.beginPath();
  ctx.moveTo(Math.round(left) + 0.5, top + 0.35 * height);
  ctx.lineTo(Math.round(left) + 0.5, top + 0.65 * height);
  ctx.stroke();
  ctx.restore();
}
