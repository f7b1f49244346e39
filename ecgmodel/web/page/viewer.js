// A cleaned recording to look at: its chart, its figures, and what one can do with them.

import { Chart } from "./chart.js";
import { showFacts, showRemarks, showUntrusted, showView } from "./facts.js";
import { clock, lasting, number } from "./words.js";

const $ = (id) => document.getElementById(id);
const KINDS = { 1: "both", 2: "before", 3: "after", 4: "removed" };

export class Viewer {
  constructor() {
    this.chart = null;
    this.recording = null;
    this.#listen();
  }

  /** Show a recording: {recording, model, fs, recorded_fs, leads, signals, windows, ...}. */
  show(recording) {
    this.recording = recording;
    document.body.classList.add("has-result");
    $("result").hidden = false;
    $("recording").textContent = recording.recording;
    const count = recording.leads.length;
    const leads = `${count} ${count === 1 ? "lead" : "leads"}`;
    const long = lasting(recording.samples / recording.fs);
    const about = [long, `${+recording.recorded_fs.toFixed(3)} Hz`, leads];
    $("about").textContent = `${about.join(" · ")} · denoised by ${recording.model}`;
    $("lead").replaceChildren(...recording.leads.map((name, i) => new Option(name, i)));
    showRemarks($("remarks"), recording.remarks);
    $("recording").focus();
    if (!this.chart) {
      const [changed, pointed] = [(view) => this.#changed(view), (point) => this.#pointed(point)];
      this.chart = new Chart($("chart"), $("overview"), changed, pointed);
    }
    this.chart.open(recording);
    this.#lead(0);
  }

  #lead(index) {
    this.chart.lead(index);
    $("chart").setAttribute("aria-label", `Lead ${this.recording.leads[index]}, original and denoised`);
    showFacts($("facts"), this.recording, index);
    showUntrusted(this.chart.spans, this.recording, (start) => {
      this.chart.go(start - 1);
      $("chart").focus();
    });
  }

  #changed(view) {
    const { chart } = this;
    const speed = Math.abs(view.speed - 25) < 0.3 ? "25" : number(view.speed, view.speed < 10 ? 1 : 0);
    const shifted = chart.offset ? ` · original shifted by ${number(-chart.offset)} mV for display` : "";
    const digits = view.end - view.start < 60 ? 1 : 0;
    const where = `${clock(view.start, digits)} to ${clock(view.end, digits)}`;
    $("scale-text").textContent = `${where} · ${speed} mm/s · ${chart.gain} mm/mV${shifted}`;
    showView($("facts"), this.recording, chart.index, view);
  }

  #pointed(point) {
    $("reading").textContent = point
      ? `${clock(point.at, 2)} · original ${number(point.before, 2)} mV · denoised ${number(point.after, 2)} mV`
      : "";
  }

  #listen() {
    const chart = () => this.chart;
    const actions = {
      earlier: () => chart().move(-0.25),
      later: () => chart().move(0.25),
      in: () => chart().zoom(2),
      out: () => chart().zoom(0.5),
      paper: () => chart().paper(),
      all: () => chart().all(),
      level: () => chart().level(),
    };
    const keys = {
      ArrowLeft: (event) => chart().move(event.shiftKey ? -1 : -0.25),
      ArrowRight: (event) => chart().move(event.shiftKey ? 1 : 0.25),
      ArrowUp: () => chart().shift(5),
      ArrowDown: () => chart().shift(-5),
      PageUp: () => chart().move(-1),
      PageDown: () => chart().move(1),
      Home: () => chart().go(0),
      End: () => chart().go(Infinity),
      "+": actions.in,
      "=": actions.in,
      "-": actions.out,
      0: actions.paper,
      a: actions.all,
      c: actions.level,
      n: () => chart().next(),
    };
    $("chart").addEventListener("keydown", (event) => {
      if (event.ctrlKey || event.metaKey || event.altKey) return;
      const action = keys[event.key] ?? keys[event.key.toLowerCase()];
      const kind = KINDS[event.key];
      if (!action && !kind) return;
      event.preventDefault();
      if (action) action(event);
      else $(`show-${kind}`).click();
    });
    for (const button of document.querySelectorAll("[data-do]")) {
      button.addEventListener("click", () => actions[button.dataset.do]());
    }
    for (const radio of document.querySelectorAll("[name=show]")) {
      radio.addEventListener("change", () => chart().show(radio.value));
    }
    $("gain").addEventListener("change", (event) => chart().scale(Number(event.target.value)));
    $("lead").addEventListener("change", (event) => this.#lead(Number(event.target.value)));
    window
      .matchMedia("(prefers-color-scheme: dark)")
      .addEventListener("change", () => chart()?.colour());
  }
}
