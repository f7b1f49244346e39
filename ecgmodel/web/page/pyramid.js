// A signal that is drawn at any zoom: lowest and highest value of each pixel, however long it is.

const FACTOR = 8;
const RAW = 3; // samples a pixel up to which the samples themselves are drawn

export class Pyramid {
  /** @param {Float32Array} samples NaN where one is missing. */
  constructor(samples) {
    this.samples = samples;
    this.levels = [{ size: 1, low: samples, high: samples }];
    while (this.levels.at(-1).low.length > 4096) this.levels.push(coarser(this.levels.at(-1)));
  }

  /**
   * Return what to draw of samples first to last on so many pixels: {x, y}, x in samples.
   * The columns lie fast in the signal, so that nothing flickers while it moves.
   */
  slice(first, last, pixels) {
    const from = Math.max(0, Math.floor(first) - 1);
    const to = Math.min(this.samples.length, Math.ceil(last) + 2);
    const each = (last - first) / Math.max(1, pixels);
    if (each <= RAW) {
      const x = Float64Array.from({ length: Math.max(0, to - from) }, (_, i) => from + i);
      return { x, y: Float64Array.from(this.samples.subarray(from, to)) };
    }
    const level = this.levels.findLast((one) => one.size <= Math.max(1, each / 2));
    const blocks = Math.max(1, Math.round(each / level.size));
    const width = blocks * level.size;
    const start = Math.floor(from / width);
    const count = Math.max(0, Math.ceil(to / width) - start);
    const x = new Float64Array(2 * count);
    const y = new Float64Array(2 * count);
    for (let i = 0; i < count; i++) {
      const [low, high] = extremes(level, (start + i) * blocks, (start + i + 1) * blocks);
      x[2 * i] = x[2 * i + 1] = (start + i + 0.5) * width;
      y[2 * i] = low;
      y[2 * i + 1] = high;
    }
    return { x, y };
  }

  /** Return the lowest and the highest value but for the outermost few; NaN where there is none. */
  extent() {
    const level = this.levels.at(-1);
    const low = level.low.filter((value) => !Number.isNaN(value)).sort();
    const high = level.high.filter((value) => !Number.isNaN(value)).sort();
    if (!low.length) return [NaN, NaN];
    return [low[Math.floor(0.02 * low.length)], high[Math.ceil(0.98 * high.length) - 1]];
  }
}

function extremes(level, first, last) {
  let low = Infinity;
  let high = -Infinity;
  for (let i = first, end = Math.min(last, level.low.length); i < end; i++) {
    if (level.low[i] < low) low = level.low[i]; // false for NaN
    if (level.high[i] > high) high = level.high[i];
  }
  return low <= high ? [low, high] : [NaN, NaN];
}

/** Like `extremes` of each few, without an array for each: a day has millions. */
function coarser(level) {
  const count = Math.ceil(level.low.length / FACTOR);
  const low = new Float32Array(count).fill(NaN);
  const high = new Float32Array(count).fill(NaN);
  for (let block = 0; block < count; block++) {
    const end = Math.min((block + 1) * FACTOR, level.low.length);
    let least = Infinity;
    let most = -Infinity;
    for (let i = block * FACTOR; i < end; i++) {
      if (level.low[i] < least) least = level.low[i];
      if (level.high[i] > most) most = level.high[i];
    }
    if (least <= most) {
      low[block] = least;
      high[block] = most;
    }
  }
  return { size: level.size * FACTOR, low, high };
}
