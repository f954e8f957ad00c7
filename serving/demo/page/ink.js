/** Paints strokes on a canvas in the colours of the style sheet. */

const PEN = 0.045;
const FAINT = 0.35;

/**
 * Paints a drawing over what was there.
 *
 * @param {HTMLCanvasElement} canvas is brought to the screen's resolution.
 * @param {Array<Array<{x: number, y: number}>>} strokes in shares of the side.
 * @param {boolean} faint whether the ink is faint.
 */
export function drawStrokes(canvas, strokes, faint = false) {
  const side = fit(canvas);
  const context = canvas.getContext("2d");
  context.clearRect(0, 0, side, side);
  context.strokeStyle = colour(canvas, "--ink");
  context.globalAlpha = faint ? FAINT : 1;
  context.lineWidth = Math.max(1.5, PEN * side);
  context.lineCap = context.lineJoin = "round";
  context.beginPath();
  for (const stroke of strokes) trace(context, stroke, side);
  context.stroke();
  context.globalAlpha = 1;
}

/** Paints where the pen of the keyboard is; filled while it draws. */
export function drawPen(canvas, { x, y, down }) {
  const side = canvas.width;
  const context = canvas.getContext("2d");
  context.beginPath();
  context.arc(x * side, y * side, Math.max(4, 0.04 * side), 0, 2 * Math.PI);
  context.lineWidth = Math.max(2, 0.012 * side);
  context.strokeStyle = context.fillStyle = colour(canvas, "--accent");
  if (down) context.fill();
  else context.stroke();
}

function trace(context, stroke, side) {
  const [first, ...rest] = stroke;
  context.moveTo(first.x * side, first.y * side);
  // A line of no length is a dot.
  context.lineTo(first.x * side, first.y * side);
  for (const { x, y } of rest) context.lineTo(x * side, y * side);
}

function fit(canvas) {
  const side = Math.round(canvas.clientWidth * devicePixelRatio);
  const fits = canvas.width === side && canvas.height === side;
  if (side > 0 && !fits) canvas.width = canvas.height = side;
  return canvas.width;
}

function colour(canvas, name) {
  return getComputedStyle(canvas).getPropertyValue(name).trim();
}
