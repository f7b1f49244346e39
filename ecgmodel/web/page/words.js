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

export const number = (value, digits = 1) =>
  value === null || !Number.isFinite(value) ? "–" : value.toFixed(digits).replace("-", "−");

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
