// A long recording that stays with the service: what is seen from afar is here, the rest comes when
// it is looked at. Until it is there, what is coarser is drawn.

import { levels, plan } from "./pyramid.js";
import { KINDS, Signals } from "./signals.js";

const MOST_BYTES = 96e6; // of tiles that are kept
const NOWHERE = new Float32Array(0);

export class Pieces extends Signals {
  /**
   * @param {object} recording With `pieces` {tile, steps, top} and, of each lead, `tops`: the
   *     lowest values of the kinds, then the highest.
   * @param {(step: number, tile: number, leads: number[]) => Promise<ArrayBuffer>} fetch
   * @param {() => void} arrived Is told that something came.
   * @param {(error: Error) => void} failed Is told once that nothing comes.
   */
  constructor(recording, fetch, arrived, failed) {
    super(recording);
    const { tile, steps, top } = recording.pieces;
    Object.assign(this, { tile, steps, fetch, arrived, failed });
    this.tops = recording.tops.map((rows) =>
      KINDS.map((_, kind) => levels({ size: top, low: rows[kind], high: rows[3 + kind] })),
    );
    this.sizes = [...steps, ...this.tops[0][0].map(({ size }) => size)];
    this.tiles = new Map(); // by "level tile lead", those asked for longest ago first
    this.coming = new Map();
    this.bytes = 0;
    this.scratch = KINDS.map(() => ({ low: NOWHERE, high: NOWHERE }));
    this.isLost = false;
  }

  /** Return what can be drawn now; what is finer is asked for, and what lies beside it. */
  plan(start, end, pixels, leads) {
    const want = this.#wanted(start, end, pixels, 0);
    let have = want;
    while (have.level < this.steps.length) {
      const [first, last] = this.#tilesOf(have);
      if (have === want) this.#ask(have.level, first - 1, last + 1, leads);
      if (this.#isHere(have.level, first, last, leads)) break;
      have = this.#wanted(start, end, pixels, have.level + 1);
    }
    return have;
  }

  /** Wait until all samples of a time (s) are here. */
  async ready(start, end, leads) {
    const [first, last] = this.#tilesOf(this.#wanted(start, end, (end - start) * this.fs, 0));
    this.#ask(0, first, last, leads);
    await Promise.allSettled([...this.coming.values()]);
  }

  source(lead, kind, level, first, stop) {
    const number = KINDS.indexOf(kind);
    if (level >= this.steps.length) return { ...this.tops[lead][number][level - this.steps.length], at: 0 };
    const end = Math.min(stop, Math.ceil(this.samples / this.steps[level]));
    const from = Math.max(0, first);
    const into = this.#room(number, Math.max(0, end - from));
    for (let tile = Math.floor(from / this.tile); tile * this.tile < end; tile++) {
      const rows = this.#rows(level, tile, lead);
      const at = tile * this.tile - from;
      const values = (rows?.length ?? 0) / (level ? 6 : 2);
      for (let i = Math.max(0, -at); i < values && at + i < end - from; i++) {
        if (level) {
          into.low[at + i] = rows[number * values + i];
          into.high[at + i] = rows[(3 + number) * values + i];
        } else {
          into.low[at + i] = number < 2 ? rows[number * values + i] : rows[i] - rows[values + i];
        }
      }
      if (!rows) into.low.fill(NaN, Math.max(0, at), at + this.tile);
    }
    return { low: into.low, high: level ? into.high : into.low, at: from };
  }

  top(lead, kind) {
    return this.tops[lead][KINDS.indexOf(kind)].at(-1);
  }

  some(lead, kind) {
    const { low, high } = this.tops[lead][KINDS.indexOf(kind)][0];
    return middles(low, high);
  }

  value(lead, kind, index) {
    const tile = Math.floor(index / this.tile);
    const rows = this.#rows(0, tile, lead);
    if (!rows) return NaN;
    const [values, at] = [rows.length / 2, index - tile * this.tile];
    const [before, after] = [rows[at], rows[values + at]];
    return { before, after, removed: before - after }[kind];
  }

  #wanted(start, end, pixels, lowest) {
    return plan(start * this.fs, end * this.fs, pixels, this.samples, this.sizes, lowest);
  }

  /** Return the first and the last tile of a plan. */
  #tilesOf({ start, count, blocks }) {
    return [Math.floor((start * blocks) / this.tile), Math.floor(((start + count) * blocks - 1) / this.tile)];
  }

  #last(level) {
    return Math.ceil(this.samples / this.steps[level] / this.tile) - 1;
  }

  #isHere(level, first, last, leads) {
    for (let tile = first; tile <= Math.min(last, this.#last(level)); tile++) {
      for (const lead of leads) if (!this.tiles.has(`${level} ${tile} ${lead}`)) return false;
    }
    return true;
  }

  #rows(level, tile, lead) {
    return this.tiles.get(`${level} ${tile} ${lead}`);
  }

  #room(number, count) {
    const kept = this.scratch[number];
    if (kept.low.length < count) {
      kept.low = new Float32Array(2 * count);
      kept.high = new Float32Array(2 * count);
    }
    return { low: kept.low.subarray(0, count), high: kept.high.subarray(0, count) };
  }

  #ask(level, first, last, leads) {
    for (let tile = Math.max(0, first); tile <= Math.min(last, this.#last(level)); tile++) {
      const missing = leads.filter((lead) => !this.#isKept(`${level} ${tile} ${lead}`));
      const key = `${level} ${tile} ${missing}`;
      if (!missing.length || this.coming.has(key) || this.isLost) continue;
      const job = this.#get(level, tile, missing).finally(() => this.coming.delete(key));
      this.coming.set(key, job);
    }
  }

  /** Return whether a tile is here, and remember that it was asked for. */
  #isKept(key) {
    const rows = this.tiles.get(key);
    if (rows) {
      this.tiles.delete(key);
      this.tiles.set(key, rows);
    }
    return Boolean(rows);
  }

  async #get(level, tile, leads) {
    try {
      const all = new Float32Array(await this.fetch(this.steps[level], tile, leads));
      const each = all.length / leads.length;
      leads.forEach((lead, i) => this.#keep(`${level} ${tile} ${lead}`, all.slice(i * each, (i + 1) * each)));
      this.arrived();
    } catch (error) {
      if (this.isLost) return;
      this.isLost = true;
      this.failed(error);
    }
  }

  #keep(key, rows) {
    this.tiles.set(key, rows);
    this.bytes += rows.byteLength;
    for (const [old, { byteLength }] of this.tiles) {
      if (this.bytes <= MOST_BYTES) break;
      this.tiles.delete(old);
      this.bytes -= byteLength;
    }
  }
}

/** Return about the middle of each few values. */
function middles(low, high) {
  const step = Math.max(1, Math.floor(low.length / 5000));
  return Array.from({ length: Math.ceil(low.length / step) }, (_, i) => (low[i * step] + high[i * step]) / 2);
}
