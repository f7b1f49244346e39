// What two marks on a lead say: ms, mV, beats a minute; and QT corrected for the rate.

import { number } from "./words.js";

export const NAMES = ["R-R", "PR", "QRS", "QT", "Interval"];
const RATES = ["R-R", "Interval"]; // what is one beat or more, and so has a rate

/** Return {name, lead, at (s), ms, mv, bpm}: the rate is null for a part of a beat. */
export function measured({ lead, from, to, name }, { signals, recording, kind }) {
  const [first, last] = [Math.min(from, to), Math.max(from, to)];
  const of = kind === "before" || kind === "removed" ? kind : "after";
  const [a, b] = [first, last].map((at) => signals.value(lead, of, Math.round(at * recording.fs)));
  const ms = 1000 * (last - first);
  const bpm = RATES.includes(name) && ms > 0 ? 60000 / ms : null;
  return { name, lead, at: first, ms, mv: b - a, bpm };
}

/** Return a measurement in a few words. */
export function summary({ name, ms, mv, bpm }) {
  const words = [name === "Interval" ? "" : `${name} `, `${number(ms, 0)} ms`];
  if (name === "Interval") words.push(` · ${number(mv, 2)} mV`);
  if (bpm) words.push(` · ${number(bpm, 0)} bpm`);
  return words.join("");
}

/**
 * Return QT corrected for the rate (ms), by Bazett (1920), QT / √RR, and Fridericia (1920),
 * QT / ∛RR, RR in s; from the R-R interval that was measured nearest to it. Null without one.
 */
export function corrected(one, all) {
  const rates = all.filter(({ name, ms }) => name === "R-R" && ms > 0);
  if (one.name !== "QT" || !rates.length) return null;
  const apart = (other) => Math.abs(other.at - one.at);
  const rr = rates.reduce((best, other) => (apart(other) < apart(best) ? other : best)).ms / 1000;
  return { bazett: one.ms / Math.sqrt(rr), fridericia: one.ms / Math.cbrt(rr) };
}
