// The ECG on its paper, and the strip of the whole recording. Bokeh draws; what it draws is cut down
// to the pixels that are seen, so that hours move as smoothly as seconds.

import { Pyramid } from "./pyramid.js";
import { clock, number, reason, spans } from "./words.js";

const { Document, Models, Plotting, embed } = window.Bokeh;
const model = (name, attributes) => new (Models.get(name))(attributes);

const MM = 4; // CSS pixels, so that the paper's lines all look alike; 1 mm is 3.78 of them
const SPEED = 25; // mm/s
const SQUARE_S = 0.2;
const SQUARE_MV = 0.5;
const FINEST = 3; // pixels between lines of the paper
const LABEL = 84; // pixels between labels of time
const STEPS = [0.04, 0.2, 1, 2, 5, 10, 30, 60, 120, 300, 600, 1800, 3600, 7200, 14400, 43200];
const SHORTEST_S = 0.2;
const OFFSET_MV = 1.0; // beyond which what came in is drawn shifted, or it would be out of sight
const KINDS = ["before", "after", "removed"];
const SHOWN = { both: ["before", "after"], before: ["before"], after: ["after"], removed: ["removed"] };
const STRIP = ["wholeBefore", "wholeAfter"];
const BARE = { // a figure as wide as the page, with no axes or tools but those that it is given
  sizing_mode: "stretch_width",
  toolbar_location: null,
  tools: [],
  min_border: 0,
  min_border_left: 52,
  lod_threshold: null,
  x_axis_type: null,
  y_axis_type: null,
};
const empty = () => ({ x: new Float64Array(0), y: new Float64Array(0) });

export class Chart {
  /**
   * @param {HTMLElement} paper Holds the ECG.
   * @param {HTMLElement} strip Holds the whole recording.
   * @param {(view: object) => void} changed Is told what is seen: start, end (s), speed (mm/s).
   * @param {(point: object | null) => void} pointed Is told what is under the mouse: at (s),
   *     before and after (mV).
   */
  constructor(paper, strip, changed, pointed) {
    this.changed = changed;
    this.pointed = pointed;
    this.places = [paper, strip];
    this.gain = 10;
    this.kind = "both";
    this.pyramids = new Map();
    this.x = model("Range1d", { start: 0, end: 10 });
    this.y = model("Range1d", { start: -2, end: 2 });
    this.sources = Object.fromEntries(
      [...KINDS, ...STRIP].map((kind) => [kind, model("ColumnDataSource", { data: empty() })]),
    );
    this.doubts = model("ColumnDataSource", { data: { left: [], right: [], top: [], bottom: [] } });
    this.words = model("ColumnDataSource", { data: { x: [], y: [], text: [] } });
    this.ecg = this.#makeEcg();
    this.whole = this.#makeStrip();
    this.colour();
  }

  /** Put both into the page, and be ready for a recording. */
  async start() {
    const both = new Document();
    for (const root of [this.ecg, this.whole]) both.add_root(root);
    const views = await embed.add_document_standalone(both, this.places[0], this.places);
    for (const root of [this.ecg, this.whole]) {
      const canvas = views.get(root).canvas_view.events_el;
      canvas.tabIndex = -1; // the place around it has the focus
      canvas.style.outline = "none";
      canvas.style.setProperty("touch-action", "pan-y", "important"); // up and down is the page's
    }
    for (const range of [this.x, this.y]) {
      for (const end of ["start", "end"]) {
        range.properties[end].change.connect(() => this.#soon());
      }
    }
    this.ecg.properties.inner_width.change.connect(() => this.#resized());
  }

  /** Take a recording: {fs, samples, leads, signals, windows}; `lead` shows one of its leads. */
  open(recording) {
    this.recording = recording;
    this.pyramids.clear();
    this.seconds = recording.samples / recording.fs;
    const bounds = [0, Math.max(this.seconds, SHORTEST_S)];
    for (const range of [this.x, this.whole.x_range]) {
      range.setv({ bounds: null });
      range.setv({ start: 0, end: bounds[1], bounds });
    }
    this.x.min_interval = Math.min(SHORTEST_S, bounds[1]);
    this.whole.x_range.setv({ start: 0, end: bounds[1] });
    this.paper();
  }

  lead(index) {
    this.index = index;
    const own = this.recording.windows.filter((window) => window.lead === index);
    this.doubtful = spans(own);
    const { before, after } = this.recording.signals[index];
    this.pyramids.clear();
    this.pyramids.set("before", new Pyramid(before));
    this.pyramids.set("after", new Pyramid(after));
    const apart = typical(before) - typical(after);
    this.offset = Math.abs(apart) > OFFSET_MV ? apart : 0;
    const [low, high] = this.pyramids.get("after").extent();
    this.middle = Number.isNaN(low) ? 0 : (low + high) / 2;
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
    this.centre((this.y.start + this.y.end) / 2);
  }

  centre(at = this.middle) {
    const half = this.ecg.frame_height / (2 * this.gain * MM);
    this.y.setv({ start: at - half, end: at + half });
  }

  /** Let the middle of what is seen be the middle of the paper. */
  level() {
    const shown = SHOWN[this.kind].flatMap((kind) => Array.from(this.sources[kind].data.y));
    const values = shown.filter((value) => !Number.isNaN(value)).sort((a, b) => a - b);
    if (values.length) this.centre((values[0] + values.at(-1)) / 2);
  }

  get perSecond() {
    return this.ecg.inner_width / (this.x.end - this.x.start);
  }

  paper() {
    this.#span(this.ecg.inner_width / (SPEED * MM));
  }

  all() {
    this.x.setv({ start: 0, end: this.seconds });
  }

  zoom(factor) {
    this.#span((this.x.end - this.x.start) / factor);
  }

  /** Move by a share of what is seen. */
  move(share) {
    this.go(this.x.start + share * (this.x.end - this.x.start));
  }

  /** Shift up or down, mm. */
  shift(mm) {
    this.centre((this.y.start + this.y.end) / 2 - mm / this.gain);
  }

  /** Let what is seen start at a time, s. */
  go(start) {
    const span = this.x.end - this.x.start;
    const first = Math.min(Math.max(0, start), Math.max(0, this.seconds - span));
    this.x.setv({ start: first, end: first + span });
  }

  /** Go to the next doubtful stretch after what is seen, or the first. */
  next() {
    const { fs } = this.recording;
    const ahead = this.doubtful.find((span) => span.start / fs > this.x.start + 1.01);
    const span = ahead ?? this.doubtful[0];
    if (span) this.go(span.start / fs - 1);
    return span;
  }

  /** Take the colours from the style sheet, which follows light and dark. */
  colour() {
    const style = getComputedStyle(document.documentElement);
    const of = (name) => style.getPropertyValue(`--${name}`).trim();
    const font = { text_color: of("text"), text_font: of("font"), text_font_size: "12px" };
    const prefixed = (prefix) =>
      Object.fromEntries(Object.entries(font).map(([name, value]) => [`${prefix}_${name}`, value]));
    const label = prefixed("major_label");
    const named = { ...prefixed("axis_label"), axis_label_text_font_style: "normal" };
    for (const plot of [this.ecg, this.whole]) {
      plot.setv({
        background_fill_color: of("paper"),
        border_fill_color: of("ground"),
        outline_line_color: of("line"),
      });
    }
    for (const axis of this.axes) {
      axis.setv({ ...label, ...named, axis_line_color: of("line"), major_tick_line_color: of("line") });
    }
    for (const grid of this.grids) {
      const isLarge = grid.size === "large";
      grid.setv({
        grid_line_color: isLarge ? of("large") : null,
        minor_grid_line_color: isLarge ? null : of("small"),
      });
    }
    for (const kind of KINDS) this.lines[kind].glyph.line_color = of(kind);
    this.lines.wholeBefore.glyph.line_color = of("before");
    this.lines.wholeAfter.glyph.line_color = of("after");
    for (const area of this.areas) {
      area.glyph.setv({ fill_color: of("doubt"), hatch_color: of("doubt") });
    }
    this.said.glyph.setv({ ...font, text_color: of("doubt-text"), background_fill_color: of("paper") });
    this.cross.line_color = of("text");
    this.frame.setv({ fill_color: of("accent"), line_color: of("accent") });
  }

  #makeEcg() {
    const small = window.matchMedia("(max-width: 600px)").matches;
    const figure = Plotting.figure({
      x_range: this.x,
      y_range: this.y,
      frame_height: Math.round((small ? 80 : 100) * MM),
      ...BARE,
    });
    this.squares = { x: squares(SQUARE_S), y: squares(SQUARE_MV) };
    this.grids = ["small", "large"].flatMap((size) => // the large lines lie over the small ones
      [0, 1].map((dimension) => {
        const ticker = dimension ? this.squares.y : this.squares.x;
        const grid = model("Grid", { dimension, ticker, level: "underlay" });
        grid.size = size;
        figure.add_layout(grid);
        return grid;
      }),
    );
    this.times = times();
    this.volts = squares(1);
    const volts = model("LinearAxis", { ticker: this.volts, axis_label: "mV", axis_label_standoff: 2 });
    volts.formatter.doFormat = (ticks) => ticks.map((tick) => number(tick, 0));
    this.axes = [model("LinearAxis", { ...this.times }), volts];
    figure.add_layout(this.axes[0], "below");
    figure.add_layout(volts, "left");
    volts.minor_tick_line_color = null;
    this.areas = [hatched(figure, this.doubts)];
    this.lines = {};
    for (const kind of KINDS) {
      this.lines[kind] = line(figure, this.sources[kind], kind === "before" ? 1 : 1.4);
    }
    this.said = figure.text({ field: "x" }, { field: "y" }, { field: "text" }, {
      source: this.words,
      x_offset: 4,
      y_offset: 4,
      text_baseline: "top",
      padding: 3,
      background_fill_alpha: 0.85,
    });
    const pan = model("PanTool", { dimensions: "both" });
    const wheel = model("WheelZoomTool", { dimensions: "width", maintain_focus: false });
    const cross = model("CrosshairTool", { dimensions: "height", line_alpha: 0.4 });
    this.cross = cross;
    figure.add_tools(pan, wheel, cross);
    figure.on_event("mousemove", (event) => this.#point(event.x));
    figure.on_event("mouseleave", () => this.pointed(null));
    figure.toolbar.setv({ active_drag: pan, active_scroll: wheel });
    return figure;
  }

  #makeStrip() {
    const figure = Plotting.figure({
      frame_height: 56,
      x_range: model("Range1d", { start: 0, end: 10 }),
      y_range: model("Range1d", { start: -1, end: 1 }),
      ...BARE,
    });
    this.wholeTimes = times();
    const axis = model("LinearAxis", { ...this.wholeTimes });
    figure.add_layout(axis, "below");
    this.axes.push(axis);
    this.areas.push(hatched(figure, this.doubts));
    for (const kind of STRIP) this.lines[kind] = line(figure, this.sources[kind], 1);
    this.lines.wholeBefore.glyph.line_alpha = 0.5;
    const tool = model("RangeTool", { x_range: this.x, start_gesture: "none" });
    this.frame = tool.overlay;
    this.frame.setv({ fill_alpha: 0.18, line_width: 2, line_alpha: 1, line_dash: [] });
    figure.add_tools(tool);
    figure.toolbar.active_multi = tool;
    figure.on_event("tap", (event) => this.go(event.x - (this.x.end - this.x.start) / 2));
    return figure;
  }

  #span(seconds) {
    const middle = (this.x.start + this.x.end) / 2;
    const span = Math.min(Math.max(seconds, this.x.min_interval), this.seconds);
    const held = this.x.start <= 0 ? 0 : middle - span / 2;
    const start = Math.min(Math.max(0, held), Math.max(0, this.seconds - span));
    this.x.setv({ start, end: start + span });
  }

  #resized() {
    if (!this.recording) return;
    if (this.speed && this.x.end - this.x.start < this.seconds) {
      this.#span(this.ecg.inner_width / (this.speed * MM));
    }
    this.#drawStrip();
    this.#soon();
  }

  #soon() {
    if (this.waiting || !this.recording) return;
    this.waiting = true;
    requestAnimationFrame(() => {
      this.waiting = false;
      this.#draw();
    });
  }

  #point(at) {
    const { fs, samples, signals } = this.recording;
    const index = Math.round(at * fs);
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

  #draw() {
    const { fs } = this.recording;
    const pixels = this.ecg.inner_width;
    for (const kind of KINDS) {
      const isShown = SHOWN[this.kind].includes(kind);
      if (!isShown && !this.sources[kind].data.x.length) continue;
      const data = isShown
        ? this.#pyramid(kind).slice(this.x.start * fs, this.x.end * fs, pixels)
        : empty();
      for (let i = 0; i < data.x.length; i++) data.x[i] /= fs;
      if (kind !== "after") shift(data.y, this.offset);
      this.sources[kind].data = data;
    }
    this.#rule();
    this.#doubt();
    this.pointed(null);
    this.speed = this.perSecond / MM;
    this.changed({ start: this.x.start, end: this.x.end, speed: this.speed });
  }

  /** Let the paper's lines and the labels fit the scale. */
  #rule() {
    const fine = this.perSecond;
    const isPaper = fine * SQUARE_S >= FINEST;
    const step = STEPS.find((one) => one * fine >= LABEL) ?? STEPS.at(-1);
    this.times.ticker.interval = step;
    this.squares.x.interval = isPaper ? SQUARE_S : step;
    this.squares.x.num_minor_ticks = fine * SQUARE_S >= 5 * FINEST ? 5 : 0;
    const high = this.gain * MM;
    this.squares.y.num_minor_ticks = isPaper && high * SQUARE_MV >= 5 * FINEST ? 5 : 0;
    this.volts.interval = high >= 18 ? 1 : high * 2 >= 18 ? 2 : 5;
    this.times.formatter.digits = step < 1 ? (step < 0.1 ? 2 : 1) : 0;
  }

  #doubt() {
    const { fs } = this.recording;
    const seen = this.doubtful.filter(
      (span) => span.stop / fs > this.x.start && span.start / fs < this.x.end,
    );
    const wide = seen.filter((span) => ((span.stop - span.start) / fs) * this.perSecond > 60);
    this.words.data = {
      x: wide.map((span) => Math.max(span.start / fs, this.x.start)),
      y: wide.map(() => this.y.end),
      text: wide.map((span) => `Not to be trusted: ${reason(span.reason)}`),
    };
  }

  #drawStrip() {
    const { fs, samples } = this.recording;
    const pixels = Math.max(200, this.whole.inner_width);
    for (const [kind, name] of [["before", STRIP[0]], ["after", STRIP[1]]]) {
      const data = this.pyramids.get(kind).slice(0, samples, pixels);
      for (let i = 0; i < data.x.length; i++) data.x[i] /= fs;
      if (kind === "before") shift(data.y, this.offset);
      this.sources[name].data = data;
    }
    let [low, high] = this.pyramids.get("after").extent();
    if (Number.isNaN(low)) [low, high] = [-1, 1];
    const room = 0.3 * (high - low) + 0.01;
    this.whole.y_range.setv({ start: low - room, end: high + room });
    this.doubts.data = {
      left: this.doubtful.map((span) => span.start / fs),
      right: this.doubtful.map((span) => span.stop / fs),
      bottom: this.doubtful.map(() => -1e4),
      top: this.doubtful.map(() => 1e4),
    };
    const fine = this.whole.inner_width / this.seconds;
    const step = STEPS.find((one) => one * fine >= LABEL) ?? STEPS.at(-1);
    this.wholeTimes.ticker.interval = step;
    this.wholeTimes.formatter.digits = step < 1 ? 1 : 0;
  }
}

function shift(values, offset) {
  if (offset) for (let i = 0; i < values.length; i++) values[i] -= offset;
}

/** Return about the median of a signal. */
function typical(signal) {
  const step = Math.max(1, Math.floor(signal.length / 5000));
  const some = [];
  for (let i = 0; i < signal.length; i += step) if (!Number.isNaN(signal[i])) some.push(signal[i]);
  return some.length ? Float64Array.from(some).sort()[some.length >> 1] : 0;
}

function squares(interval) {
  return model("SingleIntervalTicker", { interval, num_minor_ticks: 5 });
}

/** Return ticker and formatter of an axis of time. */
function times() {
  const ticker = model("SingleIntervalTicker", { interval: 1, num_minor_ticks: 0 });
  const formatter = model("BasicTickFormatter", {});
  formatter.digits = 0;
  formatter.doFormat = (ticks) => ticks.map((tick) => clock(tick, formatter.digits));
  return { ticker, formatter };
}

function line(figure, source, width) {
  return figure.line({ field: "x" }, { field: "y" }, {
    source,
    line_width: width,
    line_join: "round",
  });
}

function hatched(figure, source) {
  const [left, right, bottom, top] = ["left", "right", "bottom", "top"].map((field) => ({ field }));
  return figure.quad(left, right, bottom, top, {
    source,
    line_color: null,
    fill_alpha: 0.1,
    hatch_pattern: "right_diagonal_line",
    hatch_alpha: 0.35,
    hatch_scale: 10,
    level: "underlay",
  });
}
