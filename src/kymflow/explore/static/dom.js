// Elements from code. Texts become text nodes, always: notes, names and params are never markup.

/**
 * @param {string} tag  Name, perhaps with classes: "div.row.wide".
 * @param {Record<string, any>} [props]  Properties; on* are listeners, others attributes.
 * @param {...any} children  Elements, texts, lists of them; null and false are left out.
 * @returns {any}  The element, of whatever kind the tag is.
 */
export function h(tag, props = {}, ...children) {
  const [name, ...classes] = tag.split(".");
  const node = document.createElement(name || "div");
  if (classes.length) node.className = classes.join(" ");
  for (const [key, value] of Object.entries(props ?? {})) {
    if (value === undefined || value === null || value === false) continue;
    if (key.startsWith("on")) node.addEventListener(key.slice(2), value);
    else if (key in node && key !== "list" && key !== "form") node[key] = value;
    else node.setAttribute(key, value === true ? "" : value);
  }
  append(node, children);
  return node;
}

/** @param {Element} node @param {any[]} children */
function append(node, children) {
  for (const child of children.flat(Infinity)) {
    if (child === null || child === undefined || child === false) continue;
    node.append(child instanceof Node ? child : String(child));
  }
}

/** Put children in the place of those that a node has. @param {Element} node @param {...any} children */
export function fill(node, ...children) {
  node.replaceChildren();
  append(node, children);
  return node;
}

/** Say something for a few seconds; errors stay until they are clicked away. */
export function say(text, kind = "note") {
  const close = () => node.remove();
  const node = h(`div.message.${kind}`, { onclick: close }, text);
  if (kind === "error") node.append(h("button.plain", { onclick: close, title: "Close" }, "×"));
  else setTimeout(close, 4000);
  const all = document.getElementById("messages");
  all.append(node);
  while (all.children.length > 4) all.firstChild.remove();
}

/**
 * Ask something in a dialog. Enter confirms, Escape does not.
 * @param {string} text
 * @param {{value?: string, ok?: string, multiline?: boolean}} [options]  With a value, ask for one.
 * @returns {Promise<string | null>}  What was given ("" for a plain yes); null if it was refused.
 */
export function ask(text, { value, ok = "OK", multiline = false } = {}) {
  return new Promise((resolve) => {
    const input =
      value === undefined ? null : h(multiline ? "textarea" : "input", { value, name: "value", rows: 4 });
    const before = /** @type {HTMLElement | null} */ (document.activeElement);
    const form = h(
      "form",
      { method: "dialog" },
      h("p", {}, text),
      input,
      h(
        "div.buttons",
        {},
        h("button", { value: "cancel", type: "button", onclick: () => dialog.close("cancel") }, "Cancel"),
        h("button.main", { value: "ok", autofocus: !input }, ok),
      ),
    );
    const dialog = h("dialog", { "aria-label": text }, form);
    dialog.addEventListener("close", () => {
      dialog.remove();
      before?.focus?.();
      resolve(dialog.returnValue === "ok" ? (input ? input.value : "") : null);
    });
    input?.addEventListener("keydown", (event) => {
      if (event.key === "Enter" && (!multiline || event.ctrlKey)) {
        event.preventDefault();
        dialog.close("ok");
      }
      event.stopPropagation();
    });
    document.body.append(dialog);
    dialog.showModal();
    input?.focus();
    input?.select?.();
  });
}

/** A labelled control. */
export function labelled(text, control, title) {
  return h("label.control", { title }, h("span", {}, text), control);
}

/** A file's name, and the folder that it is in behind it. @param {string} path */
export function file(path) {
  const [, folder, name] = /^(.*\/)?(.*)$/s.exec(path);
  return [name, folder ? h("small", {}, ` ${folder.slice(0, -1)}`) : null];
}

/** Number for people: at most four significant digits. */
export function short(value) {
  if (value === null || value === undefined) return "";
  if (typeof value !== "number") return String(value);
  if (Number.isInteger(value)) return value.toLocaleString("en");
  return String(Number(value.toPrecision(4)));
}

export const many = (n, one, more = `${one}s`) => `${n.toLocaleString("en")} ${n === 1 ? one : more}`;

/** A table of facts, each a name and a value; those without a value are left out. */
export function factsOf(pairs) {
  const known = pairs.filter(([, value]) => value !== null && value !== undefined && value !== "");
  return h(
    "table.facts",
    {},
    known.map(([name, value]) => h("tr", {}, h("th", {}, name), h("td", {}, cellOf(value)))),
  );
}

/**
 * A table of rows; numbers stand to the right.
 * @param {string[]} names  Of the columns.
 * @param {any[][]} rows
 * @param {(row: any[]) => string} [kind]  The class of a row.
 */
export function tableOf(names, rows, kind = () => "") {
  const cell = (value) => h(typeof value === "number" ? "td.number" : "td", {}, cellOf(value));
  return h(
    "table.plain-table",
    {},
    h("thead", {}, h("tr", {}, names.map((name) => h("th", {}, name)))),
    h("tbody", {}, rows.map((row) => h("tr", { className: kind(row) }, row.map(cell)))),
  );
}

function cellOf(value) {
  if (typeof value === "number") return short(value);
  return value !== null && typeof value === "object" && !(value instanceof Node) ? JSON.stringify(value) : value;
}

/** A field for a SQL condition. */
export function conditionField(value, placeholder, label) {
  const more = { "aria-label": label, spellcheck: false };
  return h("input.where", { type: "search", value, placeholder, ...more });
}

/** Run a function once things have been quiet for some time. */
export function debounce(wait, run) {
  let timer = 0;
  return (...given) => {
    clearTimeout(timer);
    timer = setTimeout(() => run(...given), wait);
  };
}
