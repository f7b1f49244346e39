// Beats and events of the file, in order of time.

import { isBeat } from "./words.js";

export class Annotations {
  /** @param {object} given `at` (s), which of `texts` each is, and how long it `lasts` (s), if any. */
  constructor(given) {
    const { at = [], which = [], texts = [], lasts = null } = given ?? {};
    Object.assign(this, { at, which, texts, lasts, shown: true });
  }

  text(index) {
    return this.texts[this.which[index]];
  }

  /** Return the first one from a time on and the first one after another, s. */
  between(start, end) {
    return [this.#first(start), this.#first(end)];
  }

  /** Return the time of the next one after a time that is no normal beat, or of the first. */
  next(time) {
    const isOdd = (index) => this.text(index) !== "N";
    for (let i = this.#first(time + 1e-6); i < this.at.length; i++) if (isOdd(i)) return this.at[i];
    return this.at.find((_, i) => isOdd(i));
  }

  /** Return what there is: the beats by symbol, most first, and the number of the rest. */
  counts() {
    const counts = new Array(this.texts.length).fill(0);
    for (const which of this.which) counts[which] += 1;
    const named = this.texts.map((text, i) => ({ text, count: counts[i] }));
    const beats = named.filter(({ text }) => isBeat(text)).sort((a, b) => b.count - a.count);
    const sum = (list) => list.reduce((all, { count }) => all + count, 0);
    return { beats, all: sum(beats), events: sum(named) - sum(beats) };
  }

  /** Return the events, {at, text}, at most so many. */
  events(most) {
    const found = [];
    for (let i = 0; i < this.at.length && found.length < most; i++) {
      if (!isBeat(this.text(i))) found.push({ at: this.at[i], text: this.text(i) });
    }
    return found;
  }

  #first(time) {
    let [low, high] = [0, this.at.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.at[middle] < time) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
