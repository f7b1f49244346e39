// The strip of the whole recording, with a frame around what is seen; the frame can be dragged.

import { BELOW, ground, hatch, LEFT, mark, timeAxis } from "./paper.js";
import { drawTrace, series } from "./trace.js";

const { uPlot } = window;

const HEIGHT = 56;
const GRIP = 7; // pixels on either side of the frame's edge
const WHOLE = { from: -Infinity, to: Infinity };
const THIN = 3; // pixels that the frame has at least

export class Strip {
  /**
   * @param {HTMLElement} place Holds it.
   * @param {() => object} look Gives the colours.
   * @param {(start: number, end: number) => void} asked Is told what is to be seen, s.
   */
  constructor(place, look, asked) {
    this.asked = asked;
    this.seconds = 1;
    this.volts = [-1, 1];
    this.doubtful = [];
    this.plot = new uPlot(
      {
        width: place.clientWidth,
        height: HEIGHT + BELOW,
        padding: [0, 0, 0, LEFT],
        legend: { show: false },
        cursor: { show: false },
        scales: {
          x: { time: false, range: () => [0, this.seconds] },
          y: { range: () => this.volts },
        },
        series: [
          {},
          series(),
          series(),
        ],
        axes: [timeAxis(look), { show: false }],
        hooks: {
          draw: [
            (plot) => {
              drawTrace(plot, 1, { colour: look().before, width: 1, alpha: 0.5, ...WHOLE });
              drawTrace(plot, 2, { colour: look().after, width: 1, ...WHOLE });
              mark(plot, this.doubtful, look);
            },
          ],
          drawClear: [
            (plot) => {
              ground(plot, look);
              hatch(plot, this.doubtful, look);
            },
          ],
        },
      },
      [[0], [], []],
      place,
    );
    this.#listen(this.plot.over);
  }

  get width() {
    return this.plot.width - LEFT;
  }

  /** Draw a recording so many seconds long: {x, before, after}, from volts[0] to volts[1]. */
  draw(seconds, volts, { x, before, after }, doubtful) {
    Object.assign(this, { seconds, volts, doubtful });
    this.plot.setData([x, before, after]);
  }

  resize(width) {
    this.plot.setSize({ width, height: HEIGHT + BELOW });
  }

  /** Frame what is seen, s. */
  frame(start, end) {
    this.seen = { start, end };
    const second = this.width / this.seconds;
    const width = Math.max((end - start) * second, THIN);
    const left = Math.min(start * second, this.width - width);
    this.plot.setSelect({ left, width, top: 0, height: HEIGHT }, false);
  }

  #listen(over) {
    let held = null;
    const at = (event) => event.clientX - over.getBoundingClientRect().left;
    over.addEventListener("pointerdown", (event) => {
      if (event.button) return;
      over.setPointerCapture(event.pointerId);
      const grip = this.#grip(at(event));
      if (grip === "outside") {
        const half = (this.seen.end - this.seen.start) / 2;
        const middle = (at(event) / this.width) * this.seconds;
        this.asked(middle - half, middle + half);
      }
      held = { grip, from: at(event), seen: null };
    });
    over.addEventListener("pointermove", (event) => {
      if (!held) {
        over.style.cursor = CURSORS[this.#grip(at(event))];
        return;
      }
      held.seen ??= this.seen;
      const shift = ((at(event) - held.from) / this.width) * this.seconds;
      const { start, end } = held.seen;
      if (held.grip === "start") this.asked(Math.min(start + shift, end), end);
      else if (held.grip === "end") this.asked(start, Math.max(end + shift, start));
      else this.asked(start + shift, end + shift);
    });
    for (const end of ["pointerup", "pointercancel", "lostpointercapture"]) {
      over.addEventListener(end, () => (held = null));
    }
  }

  /** Return what of the frame lies at a pixel. */
  #grip(at) {
    const { left, width } = this.plot.select;
    if (width > 4 * GRIP && Math.abs(at - left) < GRIP) return "start";
    if (width > 4 * GRIP && Math.abs(at - left - width) < GRIP) return "end";
    return at < left - GRIP || at > left + width + GRIP ? "outside" : "inside";
  }
}

const CURSORS = { start: "ew-resize", end: "ew-resize", inside: "grab", outside: "pointer" };
