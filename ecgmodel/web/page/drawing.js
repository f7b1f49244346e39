// The plot of the leads: uPlot with what lies under, in and over its traces.

import { annotate, label, panel, pulses, shade } from "./overlay.js";
import { BELOW, ground, LEFT, squares, timeAxis, voltAxis } from "./paper.js";
import { KINDS } from "./signals.js";
import { drawTrace, NOTHING, series } from "./trace.js";

const { uPlot } = window;

export const ABOVE = 20; // pixels, for annotations

/** Return the size of a chart's plot so many pixels wide. */
export function sizeOf(chart, width) {
  const { rows, height } = chart.arranged;
  return { width, height: Math.round(rows * height * chart.mm) + ABOVE + BELOW };
}

/** Return a plot of a chart's leads in its place. */
export function makePlot(chart, width) {
  const look = () => chart.look;
  const nothing = () => null;
  const isOne = chart.arranged.rows === 1;
  return new uPlot(
    {
      ...sizeOf(chart, width),
      padding: [ABOVE, 0, 0, 0],
      legend: { show: false },
      select: { show: false },
      cursor: {
        y: false,
        drag: { x: false, y: false, setScale: false },
        points: { show: false },
        bind: { mousedown: nothing, mouseup: nothing, dblclick: nothing },
      },
      scales: {
        x: { time: false, range: () => [chart.view.start, chart.view.end] },
        y: { range: () => volts(chart) },
      },
      series: [{}, ...chart.arranged.traces.flatMap(() => KINDS.map(series))],
      axes: [timeAxis(look), voltAxis(look, isOne)],
      hooks: {
        drawClear: [
          (plot) => {
            ground(plot, look);
            squares(plot, look);
            shade(plot, chart);
          },
        ],
        draw: [
          (plot) => {
            traces(plot, chart);
            pulses(plot, chart);
            annotate(plot, chart);
            label(plot, chart);
            chart.calipers.draw(plot);
          },
        ],
        setCursor: [(plot) => chart.point(plot)],
      },
    },
    [[0], ...chart.arranged.traces.flatMap(() => KINDS.map(() => NOTHING))],
    chart.place,
  );
}

/** Return where the leads' zero lies in a row, mV over the middle of all rows. */
export function centre({ arranged, gain }, row) {
  return ((arranged.rows - 1) / 2 - row) * (arranged.height / gain);
}

/** Return by how much the values of a trace are moved up, mV. */
export function shift(chart, { lead, row }, kind) {
  const { level, offset } = chart.signals.about(lead);
  const original = kind === "after" ? 0 : offset;
  if (chart.arranged.rows === 1) return -original;
  return centre(chart, row) - original - (kind === "removed" ? 0 : level);
}

function volts(chart) {
  const { rows, height } = chart.arranged;
  const half = (rows * height) / (2 * chart.gain);
  const middle = rows === 1 ? chart.level_mv : 0;
  return [middle - half, middle + half];
}

/** Draw what is shown of all leads. */
function traces(plot, chart) {
  chart.arranged.traces.forEach((one, place) => {
    const { from, to } = panel(plot, chart, one);
    KINDS.forEach((kind, number) => {
      const index = 1 + place * KINDS.length + number;
      if (plot.data[index] === NOTHING) return;
      const how = { colour: chart.look[kind], width: kind === "before" || chart.isMoving ? 1 : 1.4 };
      drawTrace(plot, index, { ...how, shift: shift(chart, one, kind), from, to });
    });
  });
}
