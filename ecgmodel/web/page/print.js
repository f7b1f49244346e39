// The sheet on paper: 25 mm/s and the gain that is seen, in millimetres, so that it measures right.

import { element } from "./element.js";
import { corrected, measured, summary } from "./measures.js";
import { arrange } from "./rows.js";
import { clock, isBeat, number } from "./words.js";

const SPEED = 25; // mm/s
const SECONDS = 10;
const LEFT = 10; // mm, for the pulse of 1 mV
const WIDE = LEFT + SECONDS * SPEED; // mm, which fits A4 and Letter across
const HIGHEST = 145; // mm of rows on a page
const ROW = 35; // mm that a row has where there is room
const ABOVE = 5; // mm, for annotations
const BELOW = 5; // mm, for times
const INK = { before: "#4f7cac", after: "#000", removed: "#a04a00" };
const NS = "http://www.w3.org/2000/svg";

/** Fill a place with the sheet of what a chart shows, ten seconds from where its view starts. */
export function printSheet(place, chart) {
  const { recording } = chart;
  const whole = arrange(chart.layout, recording, chart.index, false);
  whole.height = Math.max(whole.height, Math.min(ROW, Math.floor(HIGHEST / whole.rows / 5) * 5));
  const start = chart.view.start;
  const end = Math.min(start + SECONDS, chart.seconds);
  const pages = paged(whole).map((arranged) => {
    const page = element("section");
    page.append(head(chart, start, end), sheet(chart, arranged, start, end));
    return page;
  });
  const notes = list(chart, start, end);
  if (notes) pages.at(-1).append(notes);
  place.replaceChildren(...pages);
}

/** Return an arrangement as those of its pages. */
function paged(whole) {
  const most = Math.floor(HIGHEST / whole.height);
  if (whole.rows <= most) return [whole];
  return Array.from({ length: Math.ceil(whole.rows / most) }, (_, page) => {
    const traces = whole.traces
      .filter(({ row }) => Math.floor(row / most) === page)
      .map((trace) => ({ ...trace, row: trace.row % most }));
    return { ...whole, traces, rows: traces.length };
  });
}

function head({ recording, gain, kind }, start, end) {
  const made = element("header");
  const name = element("p");
  name.append(element("strong", recording.recording), ` ${clock(start, 1)} to ${clock(end, 1)}`);
  const drawn = {
    both: "original (thin, blue) and denoised (black)",
    before: "original",
    after: "denoised",
    removed: "removed noise",
  }[kind];
  const scale = `${SPEED} mm/s · ${gain} mm/mV · ${+recording.recorded_fs.toFixed(3)} Hz`;
  const by = `${scale} · ${drawn} · denoised by ${recording.model}`;
  made.append(name, element("p", by), element("p", "For research use only; not a medical device."));
  return made;
}

function list(chart, start, end) {
  const all = chart.calipers.list.map((one) => measured(one, chart));
  const seen = all.filter(({ at }) => at >= start && at < end);
  if (!seen.length) return null;
  const made = element("ul");
  made.append(
    ...seen.map((said) => {
      const rated = corrected(said, all);
      const qtc = rated
        ? ` · QTc ${number(rated.bazett, 0)} ms (Bazett), ${number(rated.fridericia, 0)} ms (Fridericia)`
        : "";
      const lead = chart.recording.leads[said.lead];
      return element("li", `${lead} ${clock(said.at, 2)}: ${summary(said)}${qtc}`);
    }),
  );
  return made;
}

function sheet(chart, arranged, start, end) {
  const rows = arranged.rows * arranged.height;
  const high = ABOVE + rows + BELOW;
  const svg = drawn("svg", { width: `${WIDE}mm`, height: `${high}mm`, viewBox: `0 0 ${WIDE} ${high}` });
  svg.append(...grid(rows), ...times(start, ABOVE + rows + 4));
  if (chart.annotations.shown) svg.append(...beats(chart.annotations, start, end));
  for (const trace of arranged.traces) svg.append(...panel(chart, arranged, trace, start, end));
  for (let row = 0; row < arranged.rows; row++) svg.append(pulse(ABOVE + (row + 0.5) * arranged.height, chart.gain));
  return svg;
}

function grid(high) {
  const lines = (step) => {
    const down = Array.from({ length: Math.round((WIDE - LEFT) / step) + 1 }, (_, i) => `M${LEFT + i * step} ${ABOVE}v${high}`);
    const across = Array.from({ length: Math.floor(high / step) + 1 }, (_, i) => `M${LEFT} ${ABOVE + i * step}H${WIDE}`);
    return [...down, ...across].join("");
  };
  return [
    drawn("path", { class: "fine", d: lines(1), stroke: "#f5d5cd", "stroke-width": 0.1 }),
    drawn("path", { class: "coarse", d: lines(5), stroke: "#e5a799", "stroke-width": 0.2 }),
  ];
}

function times(start, down) {
  const first = Math.ceil(start - 1e-6);
  return Array.from({ length: SECONDS }, (_, i) =>
    text(clock(first + i), LEFT + (first + i - start) * SPEED, down, { "text-anchor": "middle" }),
  );
}

function beats(annotations, start, end) {
  const [first, last] = annotations.between(start, end);
  return Array.from({ length: last - first }, (_, i) => {
    const said = annotations.text(first + i);
    const own = isBeat(said) ? { "text-anchor": "middle", fill: "#2c6a4f" } : { fill: "#6a2c91" };
    return text(said, LEFT + (annotations.at[first + i] - start) * SPEED, ABOVE - 1, own);
  });
}

/** Return what is drawn of a lead in its row. */
function panel(chart, arranged, trace, start, end) {
  const [from, to] = [trace.from, trace.to].map((share) => start + share * SECONDS);
  const x = (at) => LEFT + (at - start) * SPEED;
  const { height } = arranged;
  const top = ABOVE + trace.row * height;
  const seen = [from, Math.min(to, end)];
  const found = chart.doubts(trace.lead).flatMap((doubt) => shaded(doubt, seen, x, top, height));
  for (const kind of { both: ["before", "after"] }[chart.kind] ?? [chart.kind]) {
    const { level, offset } = chart.signals.about(trace.lead);
    const zero = (kind === "removed" ? 0 : level) + (kind === "after" ? 0 : offset);
    const place = (at, mv) => [x(at), top + height / 2 - (mv - zero) * chart.gain];
    const d = path(chart.signals, trace.lead, kind, seen, place);
    found.push(drawn("path", { class: kind, d, stroke: INK[kind], "stroke-width": kind === "before" ? 0.18 : 0.28 }));
  }
  const name = chart.recording.leads[trace.lead];
  found.push(text(name, x(from) + 1.5, top + 4, { "font-weight": "bold", class: "name" }));
  if (trace.from > 0) {
    const d = `M${x(from)} ${top + 0.4 * height}v${0.2 * height}`;
    found.push(drawn("path", { d, stroke: "#555", "stroke-width": 0.2 }));
  }
  const own = chart.calipers.list.filter((one) => one.lead === trace.lead);
  return [...found, ...own.flatMap((one) => caliper(chart, one, [from, to], x, top, height))];
}

function shaded(doubt, [from, to], x, top, height) {
  const [left, right] = [Math.max(doubt.start, from), Math.min(doubt.stop, to)];
  if (left >= right) return [];
  const box = { x: x(left), y: top, width: x(right) - x(left), height };
  const made = drawn("rect", { ...box, fill: "#8a6400", opacity: 0.14 });
  const isWide = right - left > 1.6;
  return isWide ? [made, text(doubt.text, x(left) + 12, top + 4, { fill: "#6b4e00" })] : [made];
}

function caliper(chart, one, [from, to], x, top, height) {
  const [first, last] = [Math.min(one.from, one.to), Math.max(one.from, one.to)];
  if (first < from || last > to) return [];
  const bar = top + height - 2;
  const ends = [first, last].map((at) => `M${x(at)} ${top + 1}V${top + height}`).join("");
  const d = `${ends}M${x(first)} ${bar}H${x(last)}`;
  const own = { fill: "#6a2c91", "font-weight": "bold" };
  return [
    drawn("path", { class: "caliper", d, stroke: "#6a2c91", "stroke-width": 0.2 }),
    text(summary(measured(one, chart)), x(first) + 0.8, bar - 0.8, own),
  ];
}

/** Return the path of a lead's samples. */
function path(signals, lead, kind, [from, to], place) {
  if (to <= from) return "";
  const { x, y } = signals.drawn(from, to, (to - from) * signals.fs, lead, kind);
  const parts = [];
  let isDrawing = false;
  for (let i = 0; i < x.length; i++) {
    if (Number.isNaN(y[i]) || x[i] < from || x[i] > to) {
      isDrawing = false;
      continue;
    }
    const [right, down] = place(x[i], y[i]);
    parts.push(`${isDrawing ? "L" : "M"}${right.toFixed(3)} ${down.toFixed(3)}`);
    isDrawing = true;
  }
  return parts.join("");
}

/** A pulse of 1 mV and 0.2 s, which stands on a row's middle. */
function pulse(zero, gain) {
  const d = `M1 ${zero}h1.5v${-gain}h5v${gain}h1.5`;
  return drawn("path", { class: "pulse", d, stroke: "#000", "stroke-width": 0.28 });
}

function text(words, x, y, own = {}) {
  const made = drawn("text", { x, y, "font-size": 3, stroke: "none", fill: "#000", ...own });
  made.textContent = words;
  return made;
}

function drawn(tag, own) {
  const made = document.createElementNS(NS, tag);
  for (const [name, value] of Object.entries({ fill: "none", ...own })) made.setAttribute(name, value);
  return made;
}
