// Questions to the server, and what it refuses.

export class ApiError extends Error {
  /** @param {number} status @param {{code?: string, message?: string, image?: string}} told */
  constructor(status, told) {
    super(told.message ?? `the server answered with ${status}`);
    this.status = status;
    this.code = told.code ?? "";
    this.image = told.image ?? null;
  }
}

/** @param {string} path @param {Record<string, any>} [values] */
export function address(path, values = {}) {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(values)) {
    if (value === undefined || value === null || value === "") continue;
    query.set(name, typeof value === "object" ? JSON.stringify(value) : String(value));
  }
  const text = query.toString();
  return `/api/${path}${text ? `?${text}` : ""}`;
}

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
  const number = (name) => Number(answer.headers.get(`x-${name}`));
  return {
    data: new Uint16Array(await answer.arrayBuffer()),
    columns: number("columns"),
    rows: number("rows"),
    from: number("from"),
    to: number("to"),
    low: number("low"),
    high: number("high"),
  };
}

async function reach(url, options) {
  let answer;
  try {
    answer = await fetch(url, options);
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
