// The ECG on its paper, and the strip of the whole recording. uPlot draws; what it draws is cut down
// to the pixels that are seen, so that hours move as smoothly as seconds.

import { Annotations } from "./annotations.js";
import { Calipers } from "./calipers.js";
import { makePlot, shift, sizeOf } from "./drawing.js";
import { navigate } from "./navigation.js";
import { LEFT, palette } from "./paper.js";
import { length } from "./pyramid.js";
import { arrange } from "./rows.js";
import { KINDS, Whole } from "./signals.js";
import { Strip } from "./strip.js";
import { NOTHING } from "./trace.js";
import { reason, spans } from "./words.js";

const MM = 4; // CSS pixels, so that the paper's lines all look alike; 1 mm is 3.78 of them
const SPEED = 25; // mm/s
const FASTEST = 400; // mm/s, at which a pixel is a sample of 1.6 kHz
const SHORTEST_S = 0.2;
const NARROWEST = LEFT + 60; // pixels; what is narrower is being hidden
const MOVING_MS = 250; // between frames of a movement, at most
const SHOWN = { both: ["before", "after"], before: ["before"], after: ["after"], removed: ["removed"] };

export class Chart {
  /**
   * @param {HTMLElement} paper Holds the ECG.
   * @param {HTMLElement} strip Holds the whole recording.
   * @param {(view: object) => void} changed Is told what is seen: start, end (s), speed (mm/s).
   * @param {(point: object | null) => void} pointed Is told what is under the mouse: at (s), lead,
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
    this.layout = "lead";
    this.index = 0; // of the lead that is drawn, or is drawn in the strip
    this.view = { start: 0, end: 10 }; // s
    this.level_mv = 0; // of the middle of the paper, where one lead is drawn
    this.seconds = 1;
    this.speed = SPEED;
    this.drawn = -Infinity; // when, ms
    this.buffers = [];
    this.segments = new Map(); // unreliable sections of leads
    this.annotations = new Annotations();
    this.calipers = new Calipers(this);
    this.look = palette();
    this.strip = new Strip(strip, () => this.look, (start, end) => this.see(start, end));
    new ResizeObserver(() => this.#fit()).observe(this.place);
  }

  /**
   * Take a recording: {fs, samples, leads, signals, windows, standard, annotations}; `lead` shows
   * it. Its samples are those of `signals`, unless others are given.
   */
  open(recording, signals = new Whole(recording)) {
    this.recording = recording;
    this.signals = signals;
    this.annotations = Object.assign(new Annotations(recording.annotations), { shown: this.annotations.shown });
    this.segments.clear();
    this.calipers.clear();
    this.seconds = Math.max(recording.samples / recording.fs, SHORTEST_S);
    this.speed = SPEED;
    this.view = { start: 0, end: this.seconds };
    this.index = 0;
    this.arrange();
    this.paper();
  }

  /** Draw the leads in another layout; see `rows.js`. */
  arrange(layout = this.layout) {
    this.layout = layout;
    const isSmall = window.matchMedia("(max-width: 600px)").matches;
    this.arranged = arrange(layout, this.recording, this.index, isSmall);
    this.ecg?.destroy();
    const width = Math.max(this.place.clientWidth, NARROWEST);
    this.#scale(width);
    this.ecg = makePlot(this, width);
    this.calipers.listen(this.ecg.over);
    navigate(
      this.ecg.over,
      (right, down) => {
        this.level_mv += down / (this.gain * this.mm);
        this.go(this.view.start - right / this.perSecond);
      },
      (factor, at) => this.zoom(factor, this.view.start + at / this.perSecond),
    );
    this.#span(this.width / (this.speed * this.mm));
  }

  lead(index) {
    this.index = index;
    this.arranged.traces.forEach((trace) => this.arranged.rows > 1 || (trace.lead = index));
    this.#drawStrip();
    this.centre();
  }

  show(kind) {
    this.kind = kind;
    this.redraw();
  }

  /** Set the amplitude's scale, mm/mV. */
  scale(gain) {
    this.gain = gain;
    this.redraw();
  }

  centre(at = middle(this.signals.about(this.index).extent)) {
    this.level_mv = at;
    this.redraw();
  }

  /** Let the middle of what is seen be the middle of the paper, if that is of one lead. */
  level() {
    if (this.arranged.rows > 1) return;
    let [low, high] = [Infinity, -Infinity];
    KINDS.forEach((kind, number) => {
      const up = shift(this, this.arranged.traces[0], kind);
      for (const value of this.ecg.data[1 + number]) {
        low = Math.min(low, Number.isNaN(value) ? low : value + up);
        high = Math.max(high, Number.isNaN(value) ? high : value + up);
      }
    });
    if (low <= high) this.centre((low + high) / 2);
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

  /** The longest time that can be seen, s: all, and of a short recording as much paper as fits. */
  get longest() {
    return Math.max(this.seconds, this.width / (SPEED * this.mm));
  }

  get shortest() {
    return Math.max(SHORTEST_S, this.width / (FASTEST * this.mm));
  }

  paper() {
    this.#span(this.width / (SPEED * this.mm));
  }

  all() {
    this.see(0, this.seconds);
  }

  /** Come so much closer to a time, s; to the middle if none is given, or to a recording's start. */
  zoom(factor, at = this.view.start <= 0 ? 0 : (this.view.start + this.view.end) / 2) {
    const span = Math.min(Math.max(this.span / factor, this.shortest), this.longest);
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
    const span = Math.min(Math.max(end - start, this.shortest), this.longest);
    const first = Math.max(0, Math.min(start, this.seconds - span));
    this.view = { start: first, end: first + span };
    this.speed = this.perSecond / this.mm;
    this.redraw();
  }

  /** Return the leads that are drawn. */
  get leads() {
    return [...new Set(this.arranged.traces.map(({ lead }) => lead))];
  }

  /** Return a lead's unreliable sections: {start, stop (s), text, lead}. */
  doubts(lead) {
    if (!this.segments.has(lead)) {
      const { fs, windows } = this.recording;
      const found = spans(windows.filter((window) => window.lead === lead));
      const told = ({ start, stop, reason: why }) => ({
        start: start / fs,
        stop: stop / fs,
        text: `Unreliable: ${reason(why)}`,
        reason: why,
        lead,
      });
      this.segments.set(lead, found.map(told));
    }
    return this.segments.get(lead);
  }

  /** Return the unreliable sections of all leads that are drawn, in order of time. */
  get doubtful() {
    return this.leads.flatMap((lead) => this.doubts(lead)).sort((a, b) => a.start - b.start);
  }

  /** Go to the next unreliable section after what is seen, or the first; or to the one before it. */
  next(isBack = false) {
    const here = this.view.start + 1;
    const all = this.doubtful;
    const ahead = isBack
      ? all.findLast(({ start }) => start < here - 0.01)
      : all.find(({ start }) => start > here + 0.01);
    const segment = ahead ?? all.at(isBack ? -1 : 0);
    if (segment) this.go(segment.start - 1);
    return segment;
  }

  /** Go to the next annotation that is no normal beat. */
  nextEvent() {
    const at = this.annotations.next(this.view.start + 1);
    if (at !== undefined) this.go(at - 1);
  }

  /** Take the colours from the style sheet, which follows light and dark. */
  colour() {
    this.look = palette();
    for (const { plot } of [{ plot: this.ecg }, this.strip]) plot?.redraw(false);
  }

  /** Return the traces of a lead. */
  tracesOf(lead) {
    return this.arranged.traces.filter((trace) => trace.lead === lead);
  }

  /** Return the time of the nearest sample, s. */
  sampled(at) {
    const { fs, samples } = this.recording;
    return Math.min(Math.max(0, Math.round(at * fs)), samples - 1) / fs;
  }

  /** Return the lead and the time (s) at a pixel of the plot. */
  spot(x, y) {
    const { rows, traces } = this.arranged;
    const [share, height] = [x / this.width, this.ecg.over.clientHeight / rows];
    const row = Math.min(Math.max(0, Math.floor(y / height)), rows - 1);
    const trace = traces.find((one) => one.row === row && share <= one.to) ?? traces.at(-1);
    return { lead: trace.lead, at: this.sampled(this.view.start + x / this.perSecond) };
  }

  /** Say what is under the mouse. */
  point({ cursor: { left, top } }) {
    if (!this.recording || left < 0) return this.pointed(null);
    const { lead, at } = this.spot(left, top);
    const index = Math.round(at * this.recording.fs);
    const [before, after] = ["before", "after"].map((kind) => this.signals.value(lead, kind, index));
    return this.pointed({ at, lead, before, after });
  }

  /** Draw soon. */
  redraw() {
    if (this.waiting || !this.recording) return;
    this.waiting = requestAnimationFrame(() => this.#draw());
  }

  /** Take the width that there is, at the same speed. */
  #fit() {
    const width = this.place.clientWidth;
    if (!this.recording || width < NARROWEST || width === this.ecg.width) return;
    const isWhole = Math.abs(this.span - this.seconds) < 1e-9;
    this.#scale(width);
    this.ecg.batch(() => this.ecg.setSize(sizeOf(this, width)));
    this.strip.plot.batch(() => this.strip.resize(width));
    if (!isWhole) this.#span(this.width / (this.speed * this.mm));
    this.#drawStrip();
    this.redraw();
  }

  /** Let a sheet fill the width, which then has its seconds. */
  #scale(width) {
    const { seconds } = this.arranged;
    this.mm = seconds ? (width - LEFT) / (seconds * SPEED) : MM;
  }

  #span(seconds) {
    this.zoom(this.span / seconds);
  }

  #draw() {
    cancelAnimationFrame(this.waiting);
    this.waiting = 0;
    this.#rest();
    const { start, end } = this.view;
    const kinds = SHOWN[this.kind];
    const what = this.signals.plan(start, end, this.width, this.leads, kinds);
    const x = this.#buffer(0, length(what));
    this.signals.times(x, what);
    const series = this.arranged.traces.flatMap(({ lead }, place) =>
      KINDS.map((kind, number) => {
        if (!kinds.includes(kind)) return NOTHING;
        const y = this.#buffer(1 + place * KINDS.length + number, x.length);
        this.signals.fill(y, what, lead, kind);
        return y;
      }),
    );
    this.ecg.setData([x, ...series]);
    this.strip.frame(start, end);
    this.changed({ start, end, speed: this.speed });
  }

  /** Draw thin lines while frames follow each other, which is quicker, and at rest as they are. */
  #rest() {
    const now = performance.now();
    this.isMoving = now - this.drawn < MOVING_MS;
    this.drawn = now;
    clearTimeout(this.resting);
    if (this.isMoving) this.resting = setTimeout(() => this.redraw(), MOVING_MS + 50);
  }

  /** Return an array of so many numbers that is used again for each frame. */
  #buffer(place, count) {
    if (!(this.buffers[place]?.length >= count)) this.buffers[place] = new Float64Array(2 * count + 64);
    return this.buffers[place].subarray(0, count);
  }

  #drawStrip() {
    const drawn = (kind) => this.signals.drawn(0, this.seconds, Math.max(200, this.strip.width), this.index, kind);
    const [before, after] = [drawn("before"), drawn("after")];
    const { offset, extent } = this.signals.about(this.index);
    const [low, high] = extent;
    const room = 0.3 * (high - low) + 0.01;
    const data = { x: after.x, before: before.y.map((value) => value - offset), after: after.y };
    this.strip.draw(this.seconds, [low - room, high + room], data, this.doubtful);
  }
}

const middle = ([low, high]) => (low + high) / 2;
