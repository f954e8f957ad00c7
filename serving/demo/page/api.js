/** The REST form of the server's API, as any other client uses it. */

const TIMEOUT_MS = 15_000;
/** What a server answers that is busy, stopping or not ready yet. */
const PASSING = new Set([408, 429, 502, 503, 504]);

/** No answer came; the same request may succeed later. */
export class Unreachable extends Error {}

/** The server answered that the request can't be served. */
export class Refused extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

/**
 * Signatures of a model.
 *
 * @param {string} model its name on the server.
 * @returns {Promise<?Object>} signature definitions by name, or null where
 *     the server has no such model.
 */
export async function signaturesOf(model) {
  try {
    const { metadata } = await ask(`v1/models/${model}/metadata`);
    return metadata.signature_def.signature_def;
  } catch (error) {
    if (error instanceof Refused && error.status === 404) return null;
    throw error;
  }
}

/** Resolves if the server answers at all, whatever it says. */
export async function ping(model) {
  try {
    await ask(`v1/models/${model}`);
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
  }
}

/**
 * Calls a signature.
 *
 * @param {string} model its name on the server.
 * @param {string} body the request, as JSON.
 * @param {string[]} outputs names of the signature's outputs.
 * @returns {Promise<Object>} nested lists by name of the output.
 */
export async function predict(model, body, outputs) {
  const answer = await ask(`v1/models/${model}:predict`, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body,
  });
  // A single output comes without its name.
  if (outputs.length === 1) return { [outputs[0]]: answer.outputs };
  return answer.outputs;
}

async function ask(path, options = {}) {
  const signal = AbortSignal.timeout(TIMEOUT_MS);
  let response, text;
  try {
    response = await fetch(path, { ...options, signal, cache: "no-store" });
    text = await response.text();
  } catch (error) {
    throw new Unreachable(error.message);
  }
  if (PASSING.has(response.status)) throw new Unreachable(messageOf(text));
  if (!response.ok) throw new Refused(response.status, messageOf(text));
  return parse(response.status, text);
}

function messageOf(text) {
  try {
    return JSON.parse(text).error ?? text;
  } catch {
    return text || "an empty answer";
  }
}

/** Numbers that are not finite come as tokens that JSON does not have. */
function parse(status, text) {
  for (const form of [text, text.replace(/-?\b(NaN|Infinity)\b/g, "null")]) {
    try {
      return JSON.parse(form);
    } catch (error) {
      if (!(error instanceof SyntaxError)) throw error;
    }
  }
  throw new Refused(status, "an answer that is no JSON");
}
