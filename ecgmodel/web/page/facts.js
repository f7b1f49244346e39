// What is known of the leads that are seen, in numbers and words.

import { element } from "./element.js";
import { clock, median, number, reason } from "./words.js";

const MOST = 50;
const of = (windows, name) => median(windows.map((window) => window[name]));
const sorted = new WeakMap(); // windows of each lead of a recording

/** Return the windows of leads. */
function own(recording, leads) {
  if (!sorted.has(recording)) {
    const lists = recording.leads.map(() => []);
    for (const window of recording.windows) lists[window.lead].push(window);
    sorted.set(recording, lists);
  }
  return leads.flatMap((lead) => sorted.get(recording)[lead]);
}

/** Fill the list of figures of leads; `showView` adds those of what is seen. */
export function showFacts(list, recording, leads) {
  const windows = own(recording, leads);
  const rates = leads.map((lead) => recording.heart_rate[lead]);
  const rate = (name) => median(rates.map((one) => one[name]));
  const doubtful = windows.filter((window) => window.reason).length;
  const many = leads.length > 1 ? ` of ${leads.length} leads` : "";
  list.replaceChildren(
    fact("Estimated input SNR", `${number(of(windows, "snr_db"))} dB`, `median of 10 s sections${many}`, "snr"),
    fact(
      "Quality, original → denoised",
      arrow(of(windows, "quality_in"), of(windows, "quality_out"), 2),
      "0 noise only, 1 no visible noise",
      "quality",
    ),
    fact(
      "Heart rate, original → denoised",
      `${arrow(rate("before"), rate("after"), 0)} bpm`,
      many ? `XQRS detector, median${many}` : "XQRS detector",
      "",
    ),
    fact(
      "Unreliable sections",
      `${doubtful} of ${windows.length}`,
      doubtful ? "10 s sections; listed below" : "10 s sections",
      "",
    ),
  );
}

/** Say the figures of what is seen, {start, end} in s. */
export function showView(list, recording, leads, view) {
  const { fs } = recording;
  const seen = leads.flatMap((lead) => between(own(recording, [lead]), view.start * fs, view.end * fs));
  const say = (name, text) => {
    const place = list.querySelector(`[data-view=${name}]`);
    if (place) place.textContent = `in view: ${text}`;
  };
  say("snr", `${number(of(seen, "snr_db"))} dB`);
  say("quality", arrow(of(seen, "quality_in"), of(seen, "quality_out"), 2));
}

/** Return those of a lead's windows, which lie in order, that touch some samples. */
function between(windows, start, stop) {
  let [low, high] = [0, windows.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (windows[middle].stop <= start) low = middle + 1;
    else high = middle;
  }
  let end = low;
  while (end < windows.length && windows[end].start < stop) end++;
  return windows.slice(low, end);
}

/** List unreliable sections {start, stop (s), reason, lead}; each is a button that goes there. */
export function showUntrusted(segments, recording, isOne, go) {
  const list = document.getElementById("untrusted");
  const items = segments.slice(0, MOST).map(({ start, stop, reason: why, lead }) => {
    const item = element("li");
    const name = isOne ? "" : ` ${recording.leads[lead]}:`;
    item.append(goTo(`${clock(start)} to ${clock(stop)}`, () => go(start)), `${name} ${reason(why)}`);
    return item;
  });
  list.replaceChildren(...items);
  const none = document.getElementById("untrusted-none");
  none.hidden = segments.length > 0;
  none.textContent = `None. Every 10 s section of ${isOne ? "this lead" : "these leads"} passed all checks.`;
  document.getElementById("untrusted-go").hidden = !segments.length;
  const more = document.getElementById("untrusted-more");
  more.hidden = segments.length <= MOST;
  more.textContent = `${segments.length - MOST} more, hatched in the overview.`;
}

/** Count beats and list events; each is a button that goes there. */
export function showAnnotations(section, annotations, go) {
  section.hidden = !annotations.at.length;
  const { beats, all, events } = annotations.counts();
  const kinds = beats.map(({ text, count }) => `${count.toLocaleString("en")} ${text}`).join(", ");
  const words = [all ? `${all.toLocaleString("en")} beats (${kinds})` : "", events ? `${events} other` : ""];
  section.querySelector("p").textContent = words.filter(Boolean).join(" · ");
  const shown = annotations.events(MOST);
  const items = shown.map(({ at, text }) => {
    const item = element("li");
    item.append(goTo(clock(at, 1), () => go(at)), ` ${text}`);
    return item;
  });
  section.querySelector("ul").replaceChildren(...items);
}

export function showRemarks(section, remarks) {
  section.hidden = !remarks.length;
  section.querySelector("ul").replaceChildren(...remarks.map((text) => element("li", text)));
}

function goTo(text, go) {
  const button = element("button", text);
  button.type = "button";
  button.addEventListener("click", go);
  return button;
}

function arrow(before, after, digits) {
  return `${number(before, digits)} → ${number(after, digits)}`;
}

function fact(name, value, note, view) {
  const box = element("div");
  const seen = element("dd");
  seen.className = "seen";
  if (view) seen.dataset.view = view;
  const said = element("dd", note);
  said.className = "small";
  const figure = element("dd", value);
  figure.className = "figure";
  box.append(element("dt", name), figure, seen, said);
  return box;
}
