// What is known of a lead, in numbers and words.

import { clock, median, number, reason } from "./words.js";

const MOST = 50;
const of = (windows, name) => median(windows.map((window) => window[name]));
const own = (recording, lead) => recording.windows.filter((window) => window.lead === lead);

/** Fill the list of figures of a lead; `showView` adds those of what is seen. */
export function showFacts(list, recording, lead) {
  const windows = own(recording, lead);
  const rate = recording.heart_rate[lead];
  const doubtful = windows.filter((window) => window.reason).length;
  list.replaceChildren(
    fact("Estimated input SNR", `${number(of(windows, "snr_db"))} dB`, "median of 10 s sections", "snr"),
    fact(
      "Quality, original → denoised",
      arrow(of(windows, "quality_in"), of(windows, "quality_out"), 2),
      "0 noise only, 1 no visible noise",
      "quality",
    ),
    fact(
      "Heart rate, original → denoised",
      `${arrow(rate.before, rate.after, 0)} bpm`,
      "XQRS detector",
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
export function showView(list, recording, lead, view) {
  const { fs } = recording;
  const seen = own(recording, lead).filter(
    (window) => window.stop / fs > view.start && window.start / fs < view.end,
  );
  const say = (name, text) => {
    const place = list.querySelector(`[data-view=${name}]`);
    if (place) place.textContent = `in view: ${text}`;
  };
  say("snr", `${number(of(seen, "snr_db"))} dB`);
  say("quality", arrow(of(seen, "quality_in"), of(seen, "quality_out"), 2));
}

/** List the unreliable sections; each is a button that goes there. */
export function showUntrusted(spans, recording, go) {
  const list = document.getElementById("untrusted");
  const items = spans.slice(0, MOST).map((span) => {
    const [start, stop] = [span.start / recording.fs, span.stop / recording.fs];
    const button = element("button", `${clock(start)} to ${clock(stop)}`);
    button.type = "button";
    button.addEventListener("click", () => go(start));
    const item = element("li");
    item.append(button, ` ${reason(span.reason)}`);
    return item;
  });
  list.replaceChildren(...items);
  document.getElementById("untrusted-none").hidden = spans.length > 0;
  const more = document.getElementById("untrusted-more");
  more.hidden = spans.length <= MOST;
  more.textContent = `${spans.length - MOST} more, hatched in the overview.`;
}

export function showRemarks(section, remarks) {
  section.hidden = !remarks.length;
  section.querySelector("ul").replaceChildren(...remarks.map((text) => element("li", text)));
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

function element(tag, text = "") {
  const made = document.createElement(tag);
  made.textContent = text;
  return made;
}
