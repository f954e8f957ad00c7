/**
 * Strokes to the pixels that a model of handwritten characters knows.
 *
 * Omniglot's drawings are 105 x 105 pixels of black or white, drawn with a
 * round pen; models take them box-filtered to a smaller square, 0 for ink and
 * 255 for paper. The numbers below were measured on these drawings.
 */

/** Side of the fine square, in pixels. */
const FINE = 105;
/** Width of the pen, in fine pixels. */
const PEN = 4.7;
/** Longer side of the box around the middles of all strokes. */
const EXTENT = 61;
/** Where the middle of that box lies, in fine pixels. */
const MIDDLE = 50.5;
/** A drawing is made smaller or larger by no more than this. */
const LARGEST_SCALE = 3;
/** Shorter than this share of the pad, a drawing is only a dot. */
const DOT = 0.04;
const PAPER = 255;

/** Whether there is enough ink to make a character of. */
export function isCharacter(strokes) {
  const { width, height } = boxOf(strokes);
  return Math.max(width, height) >= DOT;
}

/**
 * Pixels of a drawing.
 *
 * @param {Array<Array<{x: number, y: number}>>} strokes points of each
 *     stroke, in shares of the pad's side.
 * @param {number} size side of the picture, in pixels.
 * @returns {number[][][]} [size][size][1], whole numbers from 0 to 255.
 */
export function pixels(strokes, size) {
  const ink = new Uint8Array(FINE * FINE);
  for (const stroke of placed(strokes)) {
    if (stroke.length === 1) paint(ink, stroke[0], stroke[0]);
    for (let i = 1; i < stroke.length; i += 1) {
      paint(ink, stroke[i - 1], stroke[i]);
    }
  }
  return boxFiltered(ink, size);
}

/** The strokes in fine pixels, as large and as central as Omniglot's. */
export function placed(strokes) {
  const box = boxOf(strokes);
  const longer = Math.max(box.width, box.height);
  const scale = Math.min(EXTENT / longer, LARGEST_SCALE * FINE);
  const centre = { x: box.left + box.width / 2, y: box.top + box.height / 2 };
  return strokes.map((stroke) =>
    stroke.map((point) => ({
      x: (point.x - centre.x) * scale + MIDDLE,
      y: (point.y - centre.y) * scale + MIDDLE,
    })),
  );
}

function boxOf(strokes) {
  const box = {
    left: Infinity,
    right: -Infinity,
    top: Infinity,
    bottom: -Infinity,
  };
  for (const { x, y } of strokes.flat()) {
    box.left = Math.min(box.left, x);
    box.right = Math.max(box.right, x);
    box.top = Math.min(box.top, y);
    box.bottom = Math.max(box.bottom, y);
  }
  const width = Math.max(0, box.right - box.left);
  return { ...box, width, height: Math.max(0, box.bottom - box.top) };
}

/** Inks every fine pixel whose middle lies under the pen. */
function paint(ink, from, to) {
  const reach = PEN / 2;
  const first = (a, b) => Math.max(0, Math.floor(Math.min(a, b) - reach));
  const last = (a, b) => Math.min(FINE - 1, Math.ceil(Math.max(a, b) + reach));
  for (let row = first(from.y, to.y); row <= last(from.y, to.y); row += 1) {
    for (let col = first(from.x, to.x); col <= last(from.x, to.x); col += 1) {
      if (distance(col + 0.5, row + 0.5, from, to) <= reach) {
        ink[row * FINE + col] = 1;
      }
    }
  }
}

/** From a point to the nearest one of a line between two points. */
function distance(x, y, from, to) {
  const dx = to.x - from.x;
  const dy = to.y - from.y;
  const length = dx * dx + dy * dy;
  const along = length ? ((x - from.x) * dx + (y - from.y) * dy) / length : 0;
  const share = Math.min(1, Math.max(0, along));
  return Math.hypot(x - from.x - share * dx, y - from.y - share * dy);
}

/** Mean ink of each coarse pixel; fine ones on an edge count in part. */
function boxFiltered(ink, size) {
  const parts = overlaps(size);
  return parts.map((rows) =>
    parts.map((cols) => {
      let sum = 0;
      for (const [row, high] of rows) {
        for (const [col, wide] of cols)
          sum += ink[row * FINE + col] * high * wide;
      }
      return [Math.round(PAPER * (1 - sum))];
    }),
  );
}

/** For each coarse pixel, the fine ones it covers and their shares of it. */
function overlaps(size) {
  const step = FINE / size;
  return Array.from({ length: size }, (_, index) => {
    const [start, end] = [index * step, (index + 1) * step];
    const found = [];
    for (let fine = Math.floor(start); fine < Math.min(end, FINE); fine += 1) {
      const covered = Math.min(end, fine + 1) - Math.max(start, fine);
      if (covered > 1e-9) found.push([fine, covered / step]);
    }
    return found;
  });
}
