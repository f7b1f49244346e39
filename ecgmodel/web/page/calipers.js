// Intervals measured by hand: two marks on a lead, which can be dragged.

import { panel } from "./overlay.js";
import { ratio, write } from "./paper.js";
import { measured, summary } from "./measures.js";

const NEAR = 9; // pixels within which a mark is taken hold of
const STILL = 4; // pixels up to which a pointer that moved was a click

export class Calipers {
  /** @param {object} chart */
  constructor(chart) {
    this.chart = chart;
    this.list = []; // {lead, from, to (s), name}
    this.isOn = false; // whether the pointer measures rather than pans
    this.name = "R-R"; // of the next one
    this.held = null; // {one, end, began, isNew}
    this.open = null; // one whose second mark comes with the next click
    this.chosen = null; // {one, end}: what the arrow keys move
    this.changed = () => {};
  }

  clear() {
    this.list = [];
    this.held = this.open = this.chosen = null;
    this.changed();
  }

  turn(isOn) {
    this.isOn = isOn;
    if (!isOn) this.chosen = null;
    this.#end();
  }

  remove(one) {
    this.list = this.list.filter((other) => other !== one);
    if (this.chosen?.one === one) this.chosen = null;
    if (this.open === one) this.open = null;
    this.#told();
  }

  rename(one, name) {
    one.name = name;
    this.#told();
  }

  /** Move the chosen mark by so many pixels; without one, set two in the middle of what is seen. */
  nudge(pixels) {
    const { chart } = this;
    const least = 1 / chart.recording.fs;
    if (!this.chosen) {
      const middle = chart.view.start + chart.span / 2;
      const half = Math.min(0.4, chart.span / 4);
      this.#add({ lead: chart.index, from: middle - half, to: middle + half, name: this.name });
      return;
    }
    const { one, end } = this.chosen;
    const step = Math.sign(pixels) * Math.max(least, Math.abs(pixels) / chart.perSecond);
    one[end] = chart.sampled(one[end] + step);
    this.#told();
  }

  /** Let the arrow keys move the other mark. */
  swap() {
    if (this.chosen) this.chosen.end = this.chosen.end === "to" ? "from" : "to";
    this.#told();
  }

  /** Hear the pointers of a plot before what pans does. */
  listen(over) {
    const spot = (event) => {
      const { left, top } = over.getBoundingClientRect();
      return this.chart.spot(event.clientX - left, event.clientY - top);
    };
    over.addEventListener("pointerdown", (event) => event.button || this.#down(event, spot(event), over));
    over.addEventListener("pointermove", (event) => this.#move(event, spot(event), over));
    for (const end of ["pointerup", "pointercancel"]) {
      over.addEventListener(end, (event) => this.#up(event));
    }
  }

  /** Draw all on a plot. */
  draw(plot) {
    for (const one of this.list) for (const trace of this.chart.tracesOf(one.lead)) this.#drawOne(plot, one, trace);
  }

  #down(event, spot, over) {
    const near = this.#near(spot);
    if (!near && !this.isOn) return;
    event.stopImmediatePropagation();
    over.setPointerCapture(event.pointerId);
    if (near) this.held = { ...near, began: event.clientX };
    else if (this.open) {
      this.open.to = spot.at;
      this.held = { one: this.open, end: "to", began: event.clientX };
    } else {
      const one = { lead: spot.lead, from: spot.at, to: spot.at, name: this.name };
      this.#add(one);
      this.held = { one, end: "to", began: event.clientX, isNew: true };
    }
    this.chosen = { one: this.held.one, end: this.held.end };
    this.#told();
  }

  #move(event, spot, over) {
    const one = this.held?.one ?? this.open;
    if (!one) {
      over.style.cursor = this.#near(spot) ? "ew-resize" : this.isOn ? "crosshair" : "";
      return;
    }
    if (this.held) event.stopImmediatePropagation();
    one[this.held?.end ?? "to"] = spot.at;
    this.#told();
  }

  #up(event) {
    if (!this.held) return;
    event.stopImmediatePropagation();
    const { one, isNew, began } = this.held;
    const isClick = Math.abs(event.clientX - began) < STILL;
    this.held = null;
    this.open = isNew && isClick ? one : null;
    if (!this.open) this.#end();
  }

  #end() {
    if (this.open) this.list = this.list.filter((one) => one !== this.open);
    this.open = null;
    this.list = this.list.filter((one) => one.from !== one.to);
    if (this.chosen && !this.list.includes(this.chosen.one)) this.chosen = null;
    this.#told();
  }

  #add(one) {
    this.list.push(one);
    this.chosen = { one, end: "to" };
    this.#told();
  }

  #told() {
    this.changed();
    this.chart.redraw();
  }

  /** Return the mark near a spot, {one, end}. */
  #near({ lead, at }) {
    const seconds = NEAR / this.chart.perSecond;
    for (const one of this.list) {
      if (one.lead !== lead || one === this.open) continue;
      for (const end of ["to", "from"]) if (Math.abs(one[end] - at) < seconds) return { one, end };
    }
    return null;
  }

  #drawOne(plot, one, trace) {
    const place = panel(plot, this.chart, trace);
    const [from, to] = [Math.min(one.from, one.to), Math.max(one.from, one.to)];
    if (to < place.from || from > place.to) return;
    const { ctx } = plot;
    const { look } = this.chart;
    const pixel = ratio();
    const [left, right] = [from, to].map((at) => Math.round(plot.valToPos(at, "x", true)) + 0.5);
    const [low, high] = [Math.max(left, place.left), Math.min(right, place.right)];
    const bar = place.top + place.height - 9 * pixel;
    ctx.save();
    ctx.fillStyle = ctx.strokeStyle = look.mark;
    ctx.globalAlpha = 0.1;
    ctx.fillRect(low, place.top, high - low, place.height);
    ctx.globalAlpha = 1;
    ctx.lineWidth = pixel;
    ctx.beginPath();
    for (const [at, end] of [[left, from], [right, to]]) {
      if (at < place.left || at > place.right) continue;
      ctx.moveTo(at, place.top);
      ctx.lineTo(at, place.top + place.height);
      const isChosen = this.chosen?.one === one && one[this.chosen.end] === end;
      if (isChosen) ctx.fillRect(at - 2 * pixel, place.top, 4 * pixel, 10 * pixel);
    }
    ctx.moveTo(low, bar);
    ctx.lineTo(high, bar);
    ctx.stroke();
    ctx.restore();
    if (from < place.from) return; // the text stands at the first mark
    const own = { look: () => look, colour: look.mark, weight: "bold" };
    write(ctx, summary(measured(one, this.chart)), low + 2 * pixel, bar - 21 * pixel, own);
  }
}
