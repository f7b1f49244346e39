// How a signal is drawn: a line through its samples or, where a pixel spans many, bars from the
// lowest to the highest, which are far quicker than a line up and down.

const { uPlot } = window;

const LONG_S = 0.04; // of a pixel, from which on no beat has a shape that bars would spoil

/** Values of a series that is not drawn. */
export const NOTHING = [];

/**
 * Return a series of a plot.
 * @param {() => string} colour
 * @param {number} width Pixels.
 * @param {(plot: object) => object} place Tells by how much values are moved up (mV), and between which times
 *     (s) they are drawn.
 */
export function trace(colour, width, place) {
  const paths = (plot, index) => {
    const { 0: x, [index]: y } = plot.data;
    if (!(y instanceof Float64Array)) return null;
    const own = { ...place(plot), x: scaled(plot, "x"), y: scaled(plot, "y") };
    return isSpans(x) ? bars(x, y, own, width) : line(x, y, own);
  };
  return { stroke: colour, width, auto: false, pxAlign: 0, points: { show: false }, paths };
}

/** Return whether times come in pairs, for the lowest and the highest value of a long pixel. */
const isSpans = (x) => x.length > 2 && x[0] === x[1] && x[2] - x[0] > LONG_S;

/** Return a scale of a plot as {at, each}: a value lies at `at + each * value` pixels. */
function scaled(plot, name) {
  const { min, max } = plot.scales[name];
  const [low, high] = [plot.valToPos(min, name, true), plot.valToPos(max, name, true)];
  const each = (high - low) / (max - min);
  return { at: low - each * min, each };
}

function line(times, values, { x, y, shift, from, to }) {
  const stroke = new Path2D();
  const up = y.at + y.each * shift;
  let isDrawing = false;
  for (let i = 0; i < times.length; i++) {
    const value = values[i];
    if (Number.isNaN(value) || times[i] < from || times[i] > to) {
      isDrawing = false;
      continue;
    }
    const [right, down] = [x.at + x.each * times[i], up + y.each * value];
    if (isDrawing) stroke.lineTo(right, down);
    else stroke.moveTo(right, down);
    isDrawing = true;
  }
  return { stroke };
}

/** Return strokes straight up, each as far as the one before it, as a line would go. */
function bars(times, values, { x, y, shift, from, to }, width) {
  const stroke = new Path2D();
  const half = (width * uPlot.pxRatio) / 2;
  const up = y.at + y.each * shift;
  const apart = x.each * (times[2] - times[0]);
  let [above, below] = [NaN, NaN]; // of the one before
  for (let i = 0; i < times.length; i += 2) {
    if (Number.isNaN(values[i]) || times[i] < from || times[i] > to) {
      above = below = NaN;
      continue;
    }
    const [top, bottom] = [up + y.each * values[i + 1], up + y.each * values[i]];
    const at = Math.floor(x.at + x.each * times[i]) + 0.5; // the middle of a pixel
    stroke.moveTo(at, (below < top ? below : top) - half);
    stroke.lineTo(at, (above > bottom ? above : bottom) + half);
    [above, below] = [top, bottom];
  }
  return { stroke, _width: Math.ceil(apart) / uPlot.pxRatio }; // no gap between them
}
