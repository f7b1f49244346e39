// The ECG on its paper, and the strip of the whole recording. uPlot draws; what it draws is cut down
// to the pixels that are seen, so that hours move as smoothly as seconds.

import { navigate } from "./navigation.js";
import { BELOW, ground, hatch, LEFT, notes, palette, squares, timeAxis, voltAxis } from "./paper.js";
import { Pyramid } from "./pyramid.js";
import { Strip } from "./strip.js";
import { trace } from "./trace.js";
import { reason, spans } from "./words.js";

const { uPlot } = window;

const MM = 4; // CSS pixels, so that the paper's lines all look alike; 1 mm is 3.78 of them
const MM_IN_PRINT = 96 / 25.4;
const PRINTED_MM = 250; // 10 s, which fit A4 and Letter across
const SPEED = 25; // mm/s
const ABOVE = 6; // pixels
const SHORTEST_S = 0.2;
const OFFSET_MV = 1.0; // beyond which the original is drawn shifted, or it would be out of sight
const KINDS = ["before", "after", "removed"];
const SHOWN = { both: ["before", "after"], before: ["before"], after: ["after"], removed: ["removed"] };

export class Chart {
  /**
   * @param {HTMLElement} paper Holds the ECG.
   * @param {HTMLElement} strip Holds the whole recording.
   * @param {(view: object) => void} changed Is told what is seen: start, end (s), speed (mm/s).
   * @param {(point: object | null) => void} pointed Is told what is under the mouse: at (s),
   *     before and after (mV).
   */
  constructor(paper, strip, changed, pointed) {
    this.place = paper;
    paper.chart = this; // for the console and for tests
    this.changed = changed;
    this.pointed = pointed;
    this.mm = MM;
    this.gain = 10;
    this.kind = "both";
    this.pyramids = new Map();
    this.view = { start: 0, end: 10 }; // s
    this.middle = this.level_mv = 0; // of the recording, and of what is seen
    this.doubtful = [];
    this.look = palette();
    this.ecg = this.#makeEcg();
    this.strip = new Strip(strip, () => this.look, (start, end) => this.see(start, end));
    this.#listen();
  }

  /** Take a recording: {fs, samples, leads, signals, windows}; `lead` shows one of its leads. */
  open(recording) {
    this.recording = recording;
    this.pyramids.clear();
    this.seconds = Math.max(recording.samples / recording.fs, SHORTEST_S);
    this.view = { start: 0, end: this.seconds };
    this.paper();
  }

  lead(index) {
    this.index = index;
    const { fs, signals, windows } = this.recording;
    const { before, after } = signals[index];
    this.spans = spans(windows.filter((window) => window.lead === index));
    this.doubtful = this.spans.map((span) => ({
      start: span.start / fs,
      stop: span.stop / fs,
      text: `Unreliable: ${reason(span.reason)}`,
    }));
    this.pyramids.clear();
    this.pyramids.set("before", new Pyramid(before));
    this.pyramids.set("after", new Pyramid(after));
    const apart = typical(before) - typical(after);
    this.offset = Math.abs(apart) > OFFSET_MV ? apart : 0;
    const [low, high] = this.pyramids.get("after").extent();
    this.extent = Number.isNaN(low) ? [-1, 1] : [low, high];
    this.middle = (this.extent[0] + this.extent[1]) / 2;
    this.#drawStrip();
    this.centre();
  }

  show(kind) {
    this.kind = kind;
    this.#soon();
  }

  /** Set the amplitude's scale, mm/mV. */
  scale(gain) {
    this.gain = gain;
    this.#soon();
  }

  centre(at = this.middle) {
    this.level_mv = at;
    this.#soon();
  }

  /** Let the middle of what is seen be the middle of the paper. */
  level() {
    const values = SHOWN[this.kind].flatMap((kind) => this.#slice(kind).y).filter(Number.isFinite);
    if (!values.length) return;
    const [low, high] = values.reduce(([a, b], y) => [Math.min(a, y), Math.max(b, y)], [Infinity, -Infinity]);
    this.centre((low + high) / 2);
  }

  get width() {
    return this.ecg.width - LEFT;
  }

  get span() {
    return this.view.end - this.view.start;
  }

  get perSecond() {
    return this.width / this.span;
  }

  paper() {
    this.#span(this.width / (SPEED * this.mm));
  }

  all() {
    this.see(0, this.seconds);
  }

  /** Come so much closer to a time, s; to the middle if none is given, or to a recording's start. */
  zoom(factor, at = this.view.start <= 0 ? 0 : (this.view.start + this.view.end) / 2) {
    const span = Math.min(Math.max(this.span / factor, SHORTEST_S), this.seconds);
    const start = at - ((at - this.view.start) / this.span) * span;
    this.see(start, start + span);
  }

  /** Move by a share of what is seen. */
  move(share) {
    this.go(this.view.start + share * this.span);
  }

  /** Shift up or down, mm. */
  shift(mm) {
    this.centre(this.level_mv - mm / this.gain);
  }

  /** Let what is seen start at a time, s. */
  go(start) {
    const first = Math.min(start, this.seconds - this.span); // Infinity is the end
    this.see(first, first + this.span);
  }

  /** Show a time, s; as much of it as there is. */
  see(start, end) {
    const span = Math.min(Math.max(end - start, Math.min(SHORTEST_S, this.seconds)), this.seconds);
    const first = Math.min(Math.max(0, start), this.seconds - span);
    this.view = { start: first, end: first + span };
    this.#soon();
  }

  /** Go to the next unreliable section after what is seen, or the first. */
  next() {
    const ahead = this.doubtful.find(({ start }) => start > this.view.start + 1.01);
    const segment = ahead ?? this.doubtful[0];
    if (segment) this.go(segment.start - 1);
    return segment;
  }

  /** Take the colours from the style sheet, which follows light, dark and print. */
  colour() {
    this.look = palette();
    for (const { plot } of [{ plot: this.ecg }, this.strip]) plot.redraw(false);
  }

  #makeEcg() {
    const look = () => this.look;
    const half = () => (this.ecg.height - ABOVE - BELOW) / (2 * this.gain * this.mm);
    const nothing = () => null;
    return new uPlot(
      {
        ...this.#size(),
        padding: [ABOVE, 0, 0, 0],
        legend: { show: false },
        select: { show: false },
        cursor: {
          y: false,
          drag: { x: false, y: false, setScale: false },
          points: { show: false },
          bind: { mousedown: nothing, mouseup: nothing, dblclick: nothing },
        },
        scales: {
          x: { time: false, range: () => [this.view.start, this.view.end] },
          y: {
            range: () => (this.ecg ? [this.level_mv - half(), this.level_mv + half()] : [-2, 2]),
          },
        },
        series: [{}, ...KINDS.map((kind) => trace(() => this.look[kind], kind === "before" ? 1 : 1.4))],
        axes: [timeAxis(look), voltAxis(look)],
        hooks: {
          drawClear: [
            (plot) => {
              ground(plot, look);
              squares(plot, look);
              hatch(plot, this.doubtful, look);
            },
          ],
          draw: [(plot) => notes(plot, this.#seenDoubts(), look)],
          setCursor: [(plot) => this.#point(plot)],
        },
      },
      [[0], [null], [null], [null]],
      this.place,
    );
  }

  #size(width = this.place.clientWidth) {
    const isSmall = window.matchMedia("(max-width: 600px)").matches;
    return { width, height: Math.round((isSmall ? 80 : 100) * this.mm) + ABOVE + BELOW };
  }

  #listen() {
    const { over } = this.ecg;
    navigate(
      over,
      (right, down) => {
        this.level_mv += down / (this.gain * this.mm);
        this.go(this.view.start - right / this.perSecond);
      },
      (factor, at) => this.zoom(factor, this.view.start + at / this.perSecond),
    );
    new ResizeObserver(() => this.mm === MM && this.#fit()).observe(this.place);
    window.addEventListener("beforeprint", () => this.#print(true));
    window.addEventListener("afterprint", () => this.#print(false));
  }

  /** Print at the true scale, in light colours, and go back to what was seen. */
  #print(isPrinting) {
    document.documentElement.classList.toggle("is-printing", isPrinting);
    if (isPrinting) this.kept = { ...this.view };
    this.mm = isPrinting ? MM_IN_PRINT : MM;
    this.look = palette();
    this.#fit(isPrinting ? Math.round(PRINTED_MM * this.mm) + LEFT : undefined);
    if (!isPrinting) this.see(this.kept.start, this.kept.end);
    this.#draw();
  }

  /** Take the width that there is, or so many pixels, at the same speed. */
  #fit(width = this.place.clientWidth) {
    if (!this.recording || !width) return;
    const isWhole = this.span >= this.seconds;
    this.ecg.batch(() => this.ecg.setSize(this.#size(width)));
    this.strip.plot.batch(() => this.strip.resize(width));
    if (this.speed && !isWhole) this.#span(this.width / (this.speed * this.mm));
    this.#drawStrip();
    this.#soon();
  }

  #span(seconds) {
    this.zoom(this.span / Math.min(seconds, this.seconds));
  }

  #soon() {
    if (this.waiting || !this.recording) return;
    this.waiting = requestAnimationFrame(() => this.#draw());
  }

  #point(plot) {
    if (!this.recording || plot.cursor.left < 0) return this.pointed(null);
    const { fs, samples, signals } = this.recording;
    const index = Math.round(plot.posToVal(plot.cursor.left, "x") * fs);
    if (index < 0 || index >= samples) return this.pointed(null);
    const { before, after } = signals[this.index];
    return this.pointed({ at: index / fs, before: before[index], after: after[index] });
  }

  #pyramid(kind) {
    if (!this.pyramids.has(kind)) {
      const { before, after } = this.recording.signals[this.index];
      const removed = new Float32Array(before.length);
      for (let i = 0; i < removed.length; i++) removed[i] = before[i] - after[i];
      this.pyramids.set(kind, new Pyramid(removed));
    }
    return this.pyramids.get(kind);
  }

  /** Return {x, y} to draw, s and mV, null where a sample is missing. */
  #slice(kind, start = this.view.start, end = this.view.end, pixels = this.width) {
    const { fs } = this.recording;
    const { x, y } = this.#pyramid(kind).slice(start * fs, end * fs, pixels);
    const shift = kind === "after" ? 0 : this.offset;
    for (let i = 0; i < x.length; i++) x[i] /= fs;
    return { x, y: Array.from(y, (value) => (Number.isNaN(value) ? null : value - shift)) };
  }

  #draw() {
    cancelAnimationFrame(this.waiting);
    this.waiting = 0;
    const shown = SHOWN[this.kind].map((kind) => [kind, this.#slice(kind)]);
    const [[, { x }]] = shown;
    const drawn = Object.fromEntries(shown.map(([kind, { y }]) => [kind, y]));
    const nothing = new Array(x.length).fill(null);
    this.ecg.setData([x, ...KINDS.map((kind) => drawn[kind] ?? nothing)]);
    this.strip.frame(this.view.start, this.view.end);
    this.speed = this.perSecond / this.mm;
    this.changed({ ...this.view, speed: this.speed });
  }

  #seenDoubts() {
    const { start, end } = this.view;
    return this.doubtful
      .filter((one) => one.stop > start && one.start < end)
      .filter((one) => (one.stop - one.start) * this.perSecond > 60)
      .map((one) => ({ at: one.start, text: one.text }));
  }

  #drawStrip() {
    if (this.index === undefined) return;
    const [before, after] = ["before", "after"].map((kind) =>
      this.#slice(kind, 0, this.seconds, Math.max(200, this.strip.width)),
    );
    const [low, high] = this.extent;
    const room = 0.3 * (high - low) + 0.01;
    const data = { x: after.x, before: before.y, after: after.y };
    this.strip.draw(this.seconds, [low - room, high + room], data, this.doubtful);
  }
}

/** Return about the median of a signal. */
function typical(signal) {
  const step = Math.max(1, Math.floor(signal.length / 5000));
  const some = [];
  for (let i = 0; i < signal.length; i += step) if (!Number.isNaN(signal[i])) some.push(signal[i]);
  return some.length ? Float64Array.from(some).sort()[some.length >> 1] : 0;
}
