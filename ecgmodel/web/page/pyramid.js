// A signal that is drawn at any zoom: lowest and highest value of each pixel, however long it is.

export const FACTOR = 8;
const RAW = 3; // samples a pixel up to which the samples themselves are drawn
const TOP = 4096; // values of the coarsest level, at most

/** Return the samples in a value of each level of a signal. */
export function sizes(samples) {
  const found = [1];
  while (samples / found.at(-1) > TOP) found.push(found.at(-1) * FACTOR);
  return found;
}

/**
 * Return what to draw of samples first to last on so many pixels: the level, and of its values so
 * many as each column has, from a column on. Columns lie fast in the signal, so that nothing
 * flickers while it moves.
 */
export function plan(first, last, pixels, samples, steps, lowest = 0) {
  const from = Math.max(0, Math.floor(first) - 1);
  const to = Math.min(samples, Math.ceil(last) + 2);
  const each = (last - first) / Math.max(1, pixels);
  if (each <= RAW && !lowest) {
    return { level: 0, isRaw: true, width: 1, blocks: 1, start: from, count: Math.max(0, to - from) };
  }
  const best = steps.findLastIndex((size) => size <= Math.max(1, each / 2));
  const level = Math.max(best, lowest);
  const blocks = Math.max(1, Math.floor(each / steps[level])); // a column is a pixel at most
  const width = blocks * steps[level];
  const start = Math.floor(from / width);
  return { level, isRaw: false, width, blocks, start, count: Math.max(0, Math.ceil(to / width) - start) };
}

/** Return how many numbers a plan draws. */
export const length = ({ isRaw, count }) => (isRaw ? count : 2 * count);

/** Write the times of what is drawn, s. */
export function fillTimes(out, { isRaw, start, count, width }, fs) {
  if (isRaw) for (let i = 0; i < count; i++) out[i] = (start + i) / fs;
  else for (let i = 0; i < count; i++) out[2 * i] = out[2 * i + 1] = ((start + i + 0.5) * width) / fs;
}

/** Write the values of what is drawn, of a level's {low, high} that begin at the value `at`. */
export function fillValues(out, { isRaw, start, count, blocks }, { low, high, at }) {
  if (isRaw) {
    for (let i = 0; i < count; i++) out[i] = low[start - at + i];
    return;
  }
  const { length: have } = low;
  for (let i = 0; i < count; i++) {
    let [least, most] = [Infinity, -Infinity];
    const end = Math.min((start + i + 1) * blocks - at, have);
    for (let j = (start + i) * blocks - at; j < end; j++) {
      if (low[j] < least) least = low[j]; // false for NaN
      if (high[j] > most) most = high[j];
    }
    out[2 * i] = least <= most ? least : NaN;
    out[2 * i + 1] = least <= most ? most : NaN;
  }
}

/** Return the levels of samples, NaN where one is missing; or those above {size, low, high}. */
export function levels(bottom) {
  const found = [bottom];
  while (found.at(-1).low.length > TOP) found.push(coarser(found.at(-1)));
  return found;
}

/** Return the lowest and the highest value of a level but for the outermost few; NaN for none. */
export function extent({ low, high }) {
  const least = low.filter((value) => !Number.isNaN(value)).sort();
  const most = high.filter((value) => !Number.isNaN(value)).sort();
  if (!least.length) return [NaN, NaN];
  return [least[Math.floor(0.02 * least.length)], most[Math.ceil(0.98 * most.length) - 1]];
}

/** Without an array for each few: a day has millions. */
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
