// The list of intervals that were measured, and the controls that measure.

import { element } from "./element.js";
import { corrected, measured, NAMES, summary } from "./measures.js";
import { clock, number } from "./words.js";

const $ = (id) => document.getElementById(id);

export class Measuring {
  /** @param {() => object} chart */
  constructor(chart) {
    this.chart = chart;
    $("measure-as").replaceChildren(...NAMES.map((name) => new Option(name, name)));
    $("measure-as").addEventListener("change", ({ target }) => (chart().calipers.name = target.value));
    $("measure").addEventListener("click", () => this.turn());
  }

  /** Let the pointer measure, or pan again. */
  turn(isOn = !this.chart().calipers.isOn) {
    this.chart().calipers.turn(isOn);
    $("measure").setAttribute("aria-pressed", isOn);
    $("measure-hint").hidden = !isOn;
  }

  /** Take a key; return whether it was one. */
  key(event) {
    const { calipers } = this.chart();
    const step = event.shiftKey ? 10 : 1;
    const moves = { ArrowLeft: -step, ArrowRight: step };
    if (event.key === "m" || event.key === "M") this.turn();
    else if (event.key === "Escape" && calipers.isOn) this.turn(false);
    else if (!calipers.isOn) return false;
    else if (event.key in moves) calipers.nudge(moves[event.key]);
    else if (event.key === " ") calipers.swap();
    else if (event.key === "Enter") calipers.chosen = null;
    else if (event.key === "Delete" || event.key === "Backspace") calipers.remove(calipers.chosen?.one);
    else return false;
    return true;
  }

  /** List what was measured. */
  show() {
    const chart = this.chart();
    const { calipers, recording } = chart;
    const all = calipers.list.map((one) => measured(one, chart));
    $("measured").hidden = !all.length;
    const rows = all.map((said, i) => row(said, corrected(said, all), recording.leads[said.lead], calipers, i));
    const table = $("measured").querySelector("tbody");
    if (!table.contains(document.activeElement)) table.replaceChildren(...rows);
    const last = calipers.chosen && measured(calipers.chosen.one, chart);
    $("measure-said").textContent = last ? `${recording.leads[last.lead]}: ${summary(last)}` : "";
  }
}

function row(said, rated, lead, calipers, number_) {
  const one = calipers.list[number_];
  const made = element("tr");
  const select = element("select");
  select.append(...NAMES.map((name) => new Option(name, name, false, name === said.name)));
  select.setAttribute("aria-label", `Name of measurement ${number_ + 1}`);
  select.addEventListener("change", () => {
    select.blur();
    calipers.rename(one, select.value);
  });
  const name = element("td");
  name.append(select);
  const texts = [lead, clock(said.at, 2), `${number(said.ms, 0)} ms`, `${number(said.mv, 2)} mV`];
  const { bazett, fridericia } = rated ?? {};
  const last = said.bpm
    ? `${number(said.bpm, 0)} bpm`
    : rated
      ? `QTc ${number(bazett, 0)} ms (Bazett), ${number(fridericia, 0)} ms (Fridericia)`
      : "";
  const remove = element("button", "Remove");
  remove.type = "button";
  remove.setAttribute("aria-label", `Remove measurement ${number_ + 1}, ${said.name}`);
  remove.addEventListener("click", () => {
    remove.blur();
    calipers.remove(one);
  });
  const end = element("td");
  end.append(remove);
  made.append(name, ...[...texts, last].map((text) => element("td", text)), end);
  return made;
}
