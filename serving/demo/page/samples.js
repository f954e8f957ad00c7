/** Examples that the page can fill in: made-up characters, and texts. */

const GLYPHS = [
  [
    [0.3, 0.2, 0.3, 0.8],
    [0.3, 0.35, 0.55, 0.22, 0.72, 0.38, 0.52, 0.54, 0.3, 0.5],
    [0.5, 0.7, 0.72, 0.7],
  ],
  [
    [0.22, 0.3, 0.78, 0.3],
    [0.64, 0.2, 0.6, 0.5, 0.42, 0.72, 0.24, 0.78],
    [0.38, 0.42, 0.72, 0.8],
  ],
  [
    [0.7, 0.28, 0.5, 0.2, 0.3, 0.36, 0.3, 0.62, 0.5, 0.78, 0.7, 0.62],
    [0.7, 0.62, 0.68, 0.46, 0.5, 0.46],
  ],
];
/** How the drawings of a character differ: turn, stretch. */
const HANDS = [
  { turn: -0.06, wide: 1.05, high: 0.95 },
  { turn: 0.09, wide: 0.9, high: 1.06 },
];

function drawn(glyph, { turn, wide, high }) {
  const [cos, sin] = [Math.cos(turn), Math.sin(turn)];
  return glyph.map((numbers) =>
    smooth(
      Array.from({ length: numbers.length / 2 }, (_, i) => {
        const x = (numbers[2 * i] - 0.5) * wide;
        const y = (numbers[2 * i + 1] - 0.5) * high;
        return { x: 0.5 + cos * x - sin * y, y: 0.5 + sin * x + cos * y };
      }),
    ),
  );
}

/** Cuts the corners of a line (Chaikin's algorithm). */
function smooth(points, times = 3) {
  if (times === 0 || points.length < 3) return points;
  const cut = [points[0]];
  for (let i = 1; i < points.length; i += 1) {
    cut.push(between(points[i - 1], points[i], 0.25));
    cut.push(between(points[i - 1], points[i], 0.75));
  }
  cut.push(points.at(-1));
  return smooth(cut, times - 1);
}

function between(from, to, share) {
  return {
    x: from.x + (to.x - from.x) * share,
    y: from.y + (to.y - from.y) * share,
  };
}

export const CHARACTERS = GLYPHS.map((glyph) => ({
  examples: HANDS.map((hand) => drawn(glyph, hand)),
}));

export const TEXTS = [
  {
    name: "Travel",
    examples: [
      "book a flight to rome next week",
      "is my train on time today",
      "which gate does my plane leave from",
    ],
  },
  {
    name: "Money",
    examples: [
      "what is the balance of my account",
      "transfer fifty dollars to my savings",
      "freeze my credit card right now",
    ],
  },
  {
    name: "Kitchen",
    examples: [
      "how long do i boil an egg",
      "find me a recipe for tomato soup",
      "what can i use instead of butter",
    ],
  },
];
