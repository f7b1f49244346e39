// How a signal is drawn: a line through its samples or, where a pixel spans many, bars from the
// lowest to the highest, which are far quicker than a line up and down.

const { uPlot } = window;

const LONG_S = 0.04; // of a pixel, from which on no beat has a shape that bars would spoil
// Points of a stroke: without a graphics card, a broad line is many times as fast in short ones, and
// one of a pixel in long ones.
const AT_ONCE = 64;
const AT_ONCE_THIN = 2048;

/** Values of a series that is not drawn. */
export const NOTHING = [];

/** Return a series of a plot; `drawTrace` draws it. */
export const series = () => ({ auto: false, points: { show: false }, paths: () => null });

/**
 * Draw a series of a plot.
 * @param {object} plot
 * @param {number} index Of the series.
 * @param {object} how Its colour, width (pixels) and alpha; by how much values are moved up
 *     (mV), and between which times (s) they are drawn.
 */
export function drawTrace(plot, index, { colour, width, alpha = 1, shift = 0, from, to }) {
  const { ctx, bbox, data } = plot;
  const { 0: times, [index]: values } = data;
  if (!(values instanceof Float64Array)) return;
  const place = { x: scaled(plot, "x"), y: scaled(plot, "y"), shift, from, to };
  ctx.save();
  ctx.beginPath();
  ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height);
  ctx.clip();
  ctx.strokeStyle = colour;
  ctx.globalAlpha = alpha;
  ctx.lineJoin = "bevel";
  ctx.lineWidth = width * uPlot.pxRatio;
  if (isSpans(times)) bars(ctx, times, values, place);
  else line(ctx, times, values, place);
  ctx.restore();
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

function line(ctx, times, values, { x, y, shift, from, to }) {
  const up = y.at + y.each * shift;
  const most = ctx.lineWidth > 1 ? AT_ONCE : AT_ONCE_THIN;
  let points = 0; // of the stroke that is being drawn
  const end = () => {
    if (points) ctx.stroke();
    points = 0;
  };
  for (let i = 0; i < times.length; i++) {
    const value = values[i];
    if (Number.isNaN(value) || times[i] < from || times[i] > to) {
      end();
      continue;
    }
    const [right, down] = [x.at + x.each * times[i], up + y.each * value];
    if (!points) {
      ctx.beginPath();
      ctx.moveTo(right, down);
    } else ctx.lineTo(right, down);
    points += 1;
    if (points < most) continue;
    end();
    ctx.beginPath();
    ctx.moveTo(right, down);
    points = 1;
  }
  end();
}

/** Draw strokes straight up, each as far as the one before it, as a line would go. */
function bars(ctx, times, values, { x, y, shift, from, to }) {
  const half = ctx.lineWidth / 2;
  const up = y.at + y.each * shift;
  const wide = Math.ceil(x.each * (times[2] - times[0])); // no gap between them
  let [above, below] = [NaN, NaN]; // of the one before
  ctx.lineWidth = wide;
  ctx.beginPath();
  for (let i = 0; i < times.length; i += 2) {
    if (Number.isNaN(values[i]) || times[i] < from || times[i] > to) {
      above = below = NaN;
      continue;
    }
    const [top, bottom] = [up + y.each * values[i + 1], up + y.each * values[i]];
    const at = Math.floor(x.at + x.each * times[i]) + 0.5; // the middle of a pixel
    ctx.moveTo(at, (below < top ? below : top) - half);
    ctx.lineTo(at, (above > bottom ? above : bottom) + half);
    [above, below] = [top, bottom];
  }
  ctx.stroke();
}
