// A cleaned recording to look at: its chart, its figures, and what one can do with them.

import { Chart } from "./chart.js";
import { showAnnotations, showFacts, showRemarks, showUntrusted, showView } from "./facts.js";
import { Measuring } from "./measuring.js";
import { printSheet } from "./print.js";
import { layouts } from "./rows.js";
import { clock, lasting, number, speed } from "./words.js";

const $ = (id) => document.getElementById(id);
const KINDS = { 1: "both", 2: "before", 3: "after", 4: "removed" };
const REST_MS = 120;
const TYPED = "select, textarea, input:not([type=radio], [type=checkbox])";

export class Viewer {
  constructor() {
    this.chart = null;
    this.recording = null;
    this.measuring = new Measuring(() => this.chart);
    this.#listen();
  }

  /**
   * Show a recording: {recording, model, fs, recorded_fs, leads, signals, windows, ...}; its
   * samples are those of `signals`, if given.
   */
  show(recording, signals) {
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
    if (!this.chart) {
      const [changed, pointed] = [(view) => this.#changed(view), (point) => this.#pointed(point)];
      this.chart = new Chart($("chart"), $("overview"), changed, pointed);
    }
    this.chart.layout = this.#offer(recording);
    this.chart.open(recording, signals);
    this.measuring.turn(false);
    this.chart.calipers.changed = () => this.measuring.show();
    this.measuring.show();
    showAnnotations($("annotations"), this.chart.annotations, (at) => this.#go(at));
    this.#lead(recording.standard?.[1] ?? 0);
    $("chart").focus({ preventScroll: true }); // so that keys move it at once
    $("result").scrollIntoView({ block: "nearest" });
  }

  /** Offer the layouts of a recording, and return the one to begin with. */
  #offer(recording) {
    const offered = layouts(recording);
    $("layout").replaceChildren(...offered.map(({ value, text }) => new Option(text, value)));
    $("layout").closest("label").hidden = offered.length < 2;
    const isSmall = window.matchMedia("(max-width: 600px)").matches;
    const begin = recording.standard ? (isSmall ? "six" : "sheet") : "lead";
    $("layout").value = begin;
    return begin;
  }

  #arrange(layout) {
    this.chart.arrange(layout);
    this.#lead(this.chart.index);
  }

  #lead(index) {
    const { chart, recording } = this;
    chart.lead(index);
    $("lead").value = index;
    const isOne = chart.arranged.rows === 1;
    $("lead").closest("label").hidden = !isOne;
    document.querySelector("[data-do=level]").hidden = !isOne;
    const names = isOne ? `Lead ${recording.leads[index]}` : `${chart.leads.length} leads`;
    $("chart").setAttribute("aria-label", `${recording.recording}: ${names}, original and denoised`);
    showFacts($("facts"), recording, chart.leads);
    showUntrusted(chart.doubtful, recording, isOne, (start) => this.#go(start));
  }

  #go(at) {
    this.chart.go(at - 1);
    $("chart").focus();
  }

  #changed(view) {
    const { chart } = this;
    const shifted = chart.leads.filter((lead) => chart.signals.about(lead).offset);
    const isOne = chart.arranged.rows === 1;
    const by = isOne ? ` by ${number(-chart.signals.about(chart.index).offset)} mV` : "";
    const moved = shifted.length ? ` · original shifted${by} for display` : "";
    const digits = view.end - view.start < 60 ? 1 : 0;
    const where = `${clock(view.start, digits)} to ${clock(view.end, digits)}`;
    $("scale-text").textContent = `${where} · ${speed(view.speed)} · ${chart.gain} mm/mV${moved}`;
    clearTimeout(this.resting); // the figures of what is seen follow when it rests
    this.resting = setTimeout(() => showView($("facts"), this.recording, chart.leads, view), REST_MS);
  }

  #pointed(point) {
    const lead = point && this.chart.arranged.rows > 1 ? `${this.recording.leads[point.lead]} · ` : "";
    $("reading").textContent = point
      ? `${lead}${clock(point.at, 2)} · original ${number(point.before, 2)} mV · denoised ${number(point.after, 2)} mV`
      : "";
  }

  async #print() {
    const { chart } = this;
    await chart.signals.ready(chart.view.start, chart.view.start + 10, chart.leads);
    window.print();
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
      doubt: () => chart().next(),
      print: () => this.#print(),
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
      n: (event) => chart().next(event.shiftKey),
      e: () => chart().nextEvent(),
    };
    // Keys belong to the result: to its chart, and to a button in it that was clicked last.
    $("result").addEventListener("keydown", (event) => {
      if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest(TYPED)) return;
      const isChart = event.target === $("chart");
      if (!isChart && [" ", "Enter", "Backspace"].includes(event.key)) return; // a button's own
      if (event.target.type === "radio" && event.key.startsWith("Arrow")) return;
      const action = keys[event.key] ?? keys[event.key.toLowerCase()];
      const kind = KINDS[event.key];
      if (this.measuring.key(event)) event.preventDefault();
      else if (action || kind) {
        event.preventDefault();
        if (action) action(event);
        else $(`show-${kind}`).click();
      }
    });
    $("result").addEventListener("click", (event) => {
      // What takes no focus of its own leaves it to the chart, so that keys go on moving it.
      if (!event.target.closest("a, button, input, label, select, summary, details, table, li, p, h2, h3, dd, dt")) {
        $("chart").focus({ preventScroll: true });
      }
    });
    for (const button of document.querySelectorAll("[data-do]")) {
      button.addEventListener("click", () => actions[button.dataset.do]());
    }
    for (const radio of document.querySelectorAll("[name=show]")) {
      radio.addEventListener("change", () => chart().show(radio.value));
    }
    $("gain").addEventListener("change", (event) => chart().scale(Number(event.target.value)));
    $("lead").addEventListener("change", (event) => this.#lead(Number(event.target.value)));
    $("layout").addEventListener("change", (event) => this.#arrange(event.target.value));
    $("annotated").addEventListener("change", (event) => {
      chart().annotations.shown = event.target.checked;
      chart().redraw();
    });
    window.addEventListener("beforeprint", () => chart() && printSheet($("print"), chart()));
    window.addEventListener("afterprint", () => $("print").replaceChildren());
    window
      .matchMedia("(prefers-color-scheme: dark)")
      .addEventListener("change", () => chart()?.colour());
  }
}
