/** What the page must know of a served model, read from its signatures. */

import { signaturesOf } from "./api.js";

const STRING = "DT_STRING";
/** Most kinds that the page lets one draw or write. */
const MOST_WAYS = 10;

/** A model that the page can't use; the text says why. */
export class Unsuitable extends Error {}

/**
 * Describes a served model.
 *
 * @param {string} name its name on the server.
 * @returns {Promise<?Object>} null where it is not served; otherwise `name`,
 *     `text` (whether it takes texts), `side` (of the pictures, in pixels),
 *     `mostWays`, `state` (names of the state's tensors) and `outputs` (names
 *     by signature).
 */
export async function describe(name) {
  const signatures = await signaturesOf(name);
  if (signatures === null) return null;
  const { adapt, predict } = signatures;
  if (!adapt || !predict) {
    throw new Unsuitable("It has no signatures adapt and predict.");
  }
  const state = Object.keys(predict.inputs).filter((key) => key !== "query_x");
  checkInputs(adapt, state);
  const example = adapt.inputs.support_x;
  const text = example.dtype === STRING;
  return {
    name,
    text,
    side: text ? null : sideOf(example),
    mostWays: mostWaysOf(predict),
    state,
    outputs: {
      adapt: Object.keys(adapt.outputs),
      predict: Object.keys(predict.outputs),
    },
  };
}

function checkInputs(adapt, state) {
  const inputs = Object.keys(adapt.inputs).sort().join(", ");
  if (inputs !== "support_x, support_y") {
    throw new Unsuitable(`To learn, it also takes other inputs: ${inputs}.`);
  }
  const missing = state.filter((key) => !(key in adapt.outputs));
  if (missing.length) {
    throw new Unsuitable(`Its adapt does not give ${missing.join(", ")}.`);
  }
}

function sizesOf(tensor) {
  return tensor.tensor_shape.dim.map(({ size }) => Number(size));
}

function sideOf(tensor) {
  const [height, width, channels] = sizesOf(tensor).slice(2);
  if (!(height > 0) || height !== width || channels !== 1) {
    throw new Unsuitable("It takes no square pictures in grey.");
  }
  return height;
}

function mostWaysOf(predict) {
  const ways = sizesOf(predict.outputs.probabilities).at(-1);
  return ways > 0 ? Math.min(ways, MOST_WAYS) : MOST_WAYS;
}
