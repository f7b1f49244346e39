// Numbers and reasons as people read them.

const REASONS = {
  missing: "most samples missing",
  "lead off": "lead off: flat or missing signal",
  clipped: "clipped at the ADC range",
  "too noisy": "SNR too low for reliable denoising",
  "too weak": "denoised amplitude too small for an ECG",
  "out of range": "values outside the range of an ECG; output interpolated",
  "too large": "denoised amplitude too large for an ECG",
  "low rate": "sampling rate too low to separate noise from ECG",
};

export const reason = (name) => REASONS[name] ?? name;

/** A number with a true minus, and none before a zero; a dash where there is none. */
export function number(value, digits = 1) {
  if (value === null || !Number.isFinite(value)) return "–";
  const text = Math.abs(value).toFixed(digits);
  return value < 0 && Number(text) !== 0 ? `−${text}` : text;
}

/** A paper speed in the unit in which it is no fraction: 25 mm/s, 13 mm/h. */
export function speed(mmPerSecond) {
  const [unit, length] = [["s", 1], ["min", 60], ["h", 3600]].find(([, s]) => mmPerSecond * s >= 1) ?? ["day", 86400];
  const value = mmPerSecond * length;
  return `${number(value, value < 9.95 && Math.abs(value - Math.round(value)) >= 0.05 ? 1 : 0)} mm/${unit}`;
}

/** 3723.4 -> 1:02:03.4 with one digit, 1:02:03 with none. */
export function clock(seconds, digits = 0) {
  const scale = 10 ** digits;
  const all = Math.max(0, Math.round(seconds * scale));
  const rest = all % (60 * scale);
  const minutes = Math.floor(all / (60 * scale));
  const two = (value) => String(value).padStart(2, "0");
  const fraction = digits ? `.${String(rest % scale).padStart(digits, "0")}` : "";
  const tail = `${two(Math.floor(rest / scale))}${fraction}`;
  const hours = Math.floor(minutes / 60);
  return hours ? `${hours}:${two(minutes % 60)}:${tail}` : `${minutes}:${tail}`;
}

export function lasting(seconds) {
  if (seconds < 120) return `${number(seconds, seconds < 10 ? 1 : 0)} s`;
  if (seconds < 7200) return `${number(seconds / 60, 0)} min`;
  return `${number(seconds / 3600, 1)} h`;
}

/** About how long the rest takes, in steps that do not flicker. */
export function remaining(seconds) {
  if (seconds < 55) return `${number(Math.max(5, 5 * Math.ceil(seconds / 5)), 0)} s`;
  if (seconds < 5400) return `${number(Math.ceil(seconds / 60), 0)} min`;
  return `${number(seconds / 3600, 1)} h`;
}

export function median(values) {
  const sorted = Float64Array.from(values.filter((v) => v !== null && !Number.isNaN(v))).sort();
  if (!sorted.length) return null;
  const middle = sorted.length >> 1;
  return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/** Windows of one lead -> spans {start, stop, reason} in samples, neighbours of one reason as one. */
export function spans(windows) {
  const found = [];
  for (const { start, stop, reason: why } of windows) {
    const last = found.at(-1);
    if (!why) continue;
    if (last && last.reason === why && last.stop === start) last.stop = stop;
    else found.push({ start, stop, reason: why });
  }
  return found;
}

const BEATS = new Set("NLRBAaJSVrFejnE/fQ?"); // https://archive.physionet.org/physiobank/annotations.shtml

/** Return whether the text of an annotation is WFDB's symbol of a beat. */
export const isBeat = (text) => BEATS.has(text);
