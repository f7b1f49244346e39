// How a signal is drawn: a line through its samples or, where a pixel spans many, bars from the
// lowest to the highest, which are far quicker than a line up and down.

const { uPlot } = window;

const line = uPlot.paths.linear();

/**
 * Return a series of a plot.
 * @param {() => string} colour
 * @param {number} width Pixels.
 */
export function trace(colour, width) {
  const paths = (plot, index, first, last) =>
    isSpans(plot.data[0]) ? bars(plot, index, width) : line(plot, index, first, last);
  return { stroke: colour, width, auto: false, pxAlign: 0, points: { show: false }, paths };
}

const LONG_S = 0.04; // of a pixel, from which on no beat has a shape that bars would spoil

/** Return whether times come in pairs, for the lowest and the highest value of a long pixel. */
const isSpans = (x) => x.length > 2 && x[0] === x[1] && x[2] - x[0] > LONG_S;

/** Return strokes straight up, each as far as the one before it, as a line would go. */
function bars(plot, index, width) {
  const { 0: x, [index]: y } = plot.data;
  const stroke = new Path2D();
  const half = (width * uPlot.pxRatio) / 2;
  const apart = plot.valToPos(x[2], "x", true) - plot.valToPos(x[0], "x", true);
  let before = null;
  for (let i = 0; i < x.length; i += 2) {
    if (y[i] === null) {
      before = null;
      continue;
    }
    const own = [plot.valToPos(y[i + 1], "y", true), plot.valToPos(y[i], "y", true)];
    const top = before ? Math.min(own[0], before[1]) : own[0];
    const bottom = before ? Math.max(own[1], before[0]) : own[1];
    const at = Math.floor(plot.valToPos(x[i], "x", true)) + 0.5; // the middle of a pixel
    stroke.moveTo(at, top - half);
    stroke.lineTo(at, bottom + half);
    before = own;
  }
  return { stroke, _width: Math.ceil(apart) / uPlot.pxRatio }; // no gap between them
}
