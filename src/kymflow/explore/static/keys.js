// Keys of the view that is shown, and the list of them that "?" opens.

import { h } from "./dom.js";

/** @type {{key: string, about: string, run: (event: KeyboardEvent) => void}[]} */
let bound = [];

const NAMES = { " ": "space", ArrowLeft: "←", ArrowRight: "→", ArrowUp: "↑", ArrowDown: "↓" };

/** @param {{key: string, about: string, run: (event: KeyboardEvent) => void}[]} bindings */
export function bind(bindings) {
  bound = bindings;
}

export function nameOf(key) {
  const [, shift, plain] = /^(Shift\+)?(.+)$/s.exec(key);
  return (shift ? "Shift " : "") + (NAMES[plain] ?? plain);
}

function pressed(event) {
  const letter = event.key.length === 1 ? event.key.toLowerCase() : event.key;
  const shifted = event.shiftKey && (event.key.length > 1 || /[a-z]/i.test(event.key));
  return shifted ? `Shift+${letter}` : letter;
}

function isTyping(target) {
  return target.closest?.("input:not([type=range]):not([type=checkbox]), textarea, select, dialog");
}

addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target)) return;
  if (event.key === " " && /** @type {any} */ (event.target).closest?.("button, a, summary")) return;
  const key = pressed(event);
  if (key === "?") return help();
  const found = bound.find((each) => each.key === key);
  if (!found) return;
  event.preventDefault();
  found.run(event);
});

/** List the keys of the view. */
export function help() {
  if (document.querySelector("dialog")) return;
  const rows = [...bound, { key: "?", about: "this list" }].map((each) =>
    h("tr", {}, h("th", {}, h("kbd", {}, nameOf(each.key))), h("td", {}, each.about)),
  );
  const dialog = h(
    "dialog.keys",
    { "aria-label": "Keys" },
    h("h2", {}, "Keys"),
    h("table", {}, rows),
    h("form", { method: "dialog" }, h("button.main", { autofocus: true }, "Close")),
  );
  dialog.addEventListener("close", () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();
}
