// Questions to the server, and what it refuses.

import { url } from "./router.js";

export class ApiError extends Error {
  /** @param {number} status @param {{code?: string, message?: string, image?: string}} told */
  constructor(status, told) {
    super(told.message ?? `the server answered with ${status}`);
    this.status = status;
    this.code = told.code ?? "";
  }
}

export const address = (path, values) => url(`api/${path}`, values);

/** @param {string} path @param {Record<string, any>} [values] @param {AbortSignal} [signal] */
export async function get(path, values, signal) {
  const answer = await reach(address(path, values), { signal });
  return answer.json();
}

/** @param {string} path @param {Record<string, any>} body */
export async function post(path, body) {
  const answer = await reach(address(path), {
    method: "POST",
    headers: { "Content-Type": "application/json", "X-Kymflow": "1" },
    body: JSON.stringify(body),
  });
  return answer.json();
}

/** Lines of an image as 16-bit numbers, row by row. */
export async function getPixels(values, signal) {
  const answer = await reach(address("pixels", values), { signal });
  const names = ["columns", "rows", "from", "to", "low", "high"];
  const told = Object.fromEntries(names.map((name) => [name, Number(answer.headers.get(`x-${name}`))]));
  return { data: new Uint16Array(await answer.arrayBuffer()), .../** @type {any} */ (told) };
}

async function reach(place, options) {
  let answer;
  try {
    answer = await fetch(place, options);
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new ApiError(0, {
      code: "gone",
      message: "the server does not answer: is `kymflow explore` still running?",
    });
  }
  if (answer.ok) return answer;
  throw new ApiError(answer.status, await answer.json().catch(() => ({})));
}
