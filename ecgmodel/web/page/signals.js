// The samples of all leads, as they are drawn. `pieces.js` has those that stay with the service.

import { extent, fillTimes, fillValues, length, levels, plan, sizes } from "./pyramid.js";

export const KINDS = ["before", "after", "removed"];

const OFFSET_MV = 1.0; // beyond which the original is drawn shifted, or it would be out of sight
const SOME = 5000; // samples from which a lead's level is told

/** What is common to samples that are here and samples that come when they are looked at. */
export class Signals {
  constructor({ fs, samples, leads }) {
    Object.assign(this, { fs, samples, count: leads.length });
    this.sizes = sizes(samples);
    this.known = new Map(); // level, offset and extent of leads
  }

  /** Return what to draw of a time (s) on so many pixels; leads and kinds may have to come first. */
  plan(start, end, pixels, _leads, _kinds) {
    return plan(start * this.fs, end * this.fs, pixels, this.samples, this.sizes);
  }

  /** Wait until all samples of a time (s) are here. */
  async ready(_start, _end, _leads) {}

  times(into, what) {
    fillTimes(into, what, this.fs);
  }

  fill(into, what, lead, kind) {
    const first = what.start * what.blocks;
    fillValues(into, what, this.source(lead, kind, what.level, first, first + what.count * what.blocks));
  }

  /** Return {x, y} of a time, s and mV, in arrays of their own. */
  drawn(start, end, pixels, lead, kind) {
    const what = this.plan(start, end, pixels, [lead], [kind]);
    const [x, y] = [new Float64Array(length(what)), new Float64Array(length(what))];
    this.times(x, what);
    this.fill(y, what, lead, kind);
    return { x, y };
  }

  /**
   * Return what is known of a lead: its isoelectric level after cleaning (about its median, mV), how
   * far above that the original is drawn (mV), and the lowest and highest value (mV).
   */
  about(lead) {
    if (!this.known.has(lead)) {
      const [before, after] = ["before", "after"].map((kind) => this.some(lead, kind));
      const level = middle(after);
      const apart = middle(before) - level;
      const [low, high] = extent(this.top(lead, "after"));
      const ends = Number.isNaN(low) ? [-1, 1] : [low, high];
      this.known.set(lead, { level, offset: Math.abs(apart) > OFFSET_MV ? apart : 0, extent: ends });
    }
    return this.known.get(lead);
  }
}

/** Samples that are here. */
export class Whole extends Signals {
  constructor(recording) {
    super(recording);
    this.signals = recording.signals;
    this.made = new Map();
  }

  source(lead, kind, level) {
    return { ...this.#levels(lead, kind)[level], at: 0 };
  }

  top(lead, kind) {
    return this.#levels(lead, kind).at(-1);
  }

  some(lead, kind) {
    const signal = this.signals[lead][kind];
    const step = Math.max(1, Math.floor(signal.length / SOME));
    return Array.from({ length: Math.ceil(signal.length / step) }, (_, i) => signal[i * step]);
  }

  /** Return a sample, mV. */
  value(lead, kind, index) {
    return this.#levels(lead, kind)[0].low[index];
  }

  #levels(lead, kind) {
    const key = `${lead} ${kind}`;
    if (!this.made.has(key)) {
      const { before, after } = this.signals[lead];
      const samples = kind === "removed" ? before.map((value, i) => value - after[i]) : { before, after }[kind];
      this.made.set(key, levels({ size: 1, low: samples, high: samples }));
    }
    return this.made.get(key);
  }
}

/** Return about the median of values, of which some may be NaN. */
function middle(values) {
  const known = Float64Array.from(values.filter((value) => !Number.isNaN(value))).sort();
  return known.length ? known[known.length >> 1] : 0;
}
