// Which view, and its state: all of it is in the address, which can be reloaded and shared.

/** @returns {{view: string, values: Record<string, string>}} */
export function here() {
  const view = location.pathname.slice(1) || "images";
  return { view, values: Object.fromEntries(new URLSearchParams(location.search)) };
}

/** An address; objects stand in it as JSON. @param {string} view @param {Record<string, any>} [values] */
export function url(view, values = {}) {
  const given = Object.entries(values).filter(([, value]) => ![undefined, null, "", false].includes(value));
  const texts = given.map(([name, value]) => [name, typeof value === "object" ? JSON.stringify(value) : value]);
  const query = new URLSearchParams(texts).toString();
  return `/${view}${query ? `?${query}` : ""}`;
}

const listeners = new Set();

/** Call a function whenever the view or its state changes by a link or the browser's buttons. */
export function onChange(listener) {
  listeners.add(listener);
}

/** Go to a view. */
export function go(view, values) {
  history.pushState(null, "", url(view, values));
  for (const listener of listeners) listener();
}

/** Keep the state of the view that is shown, without drawing it again. */
export function keep(values) {
  const { view, values: before } = here();
  history.replaceState(null, "", url(view, { ...before, ...values }));
}

addEventListener("popstate", () => {
  for (const listener of listeners) listener();
});

document.addEventListener("click", (event) => {
  const link = /** @type {any} */ (event.target).closest?.("a[href^='/']");
  if (!link || link.hasAttribute("download") || link.target) return;
  if (event.ctrlKey || event.metaKey || event.shiftKey || event.button) return;
  event.preventDefault();
  history.pushState(null, "", link.getAttribute("href"));
  for (const listener of listeners) listener();
});
