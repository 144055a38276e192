// Completion of SQL: tables and columns, as one types.

import { fill, h } from "./dom.js";

const WORDS = [
  ..."SELECT FROM WHERE GROUP BY ORDER LIMIT JOIN USING LEFT HAVING DISTINCT DESC".split(" "),
  ..."COUNT AVG SUM MIN MAX MEDIAN CASE WHEN THEN ELSE END".split(" "),
  ..."AND OR NOT NULL IS IN BETWEEN LIKE".split(" "),
];
const MOST = 8;

/** @param {HTMLTextAreaElement} area @param {Record<string, string[][]>} tables @param {() => void} run */
export function completing(area, tables, run) {
  const list = h("ul.completions", { role: "listbox", id: "completions", hidden: true });
  area.setAttribute("aria-controls", "completions");
  area.setAttribute("autocomplete", "off");
  area.after(list);
  let found = [];
  let at = 0;

  const wordBefore = () => /[\w.]*$/.exec(area.value.slice(0, area.selectionStart))[0];

  function look() {
    const word = wordBefore();
    found = word ? proposals(word, area.value, tables) : [];
    at = 0;
    draw();
  }

  function draw() {
    list.hidden = !found.length;
    const option = ([text, about], n) => {
      const onmousedown = (event) => (event.preventDefault(), take(n));
      const look = { role: "option", "aria-selected": n === at, onmousedown };
      return h(`li${n === at ? ".current" : ""}`, look, h("span", {}, text), h("small", {}, about));
    };
    fill(list, found.map(option));
  }

  function take(n) {
    const word = wordBefore();
    const last = word.split(".").pop();
    const end = area.selectionStart;
    area.setRangeText(found[n][0], end - last.length, end, "end");
    found = [];
    draw();
    area.focus();
  }

  area.addEventListener("input", look);
  area.addEventListener("blur", () => ((found = []), draw()));
  area.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && event.ctrlKey) {
      event.preventDefault();
      found = [];
      draw();
      run();
    } else if (!found.length) {
      return;
    } else if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      at = (at + (event.key === "ArrowDown" ? 1 : found.length - 1)) % found.length;
      draw();
    } else if (event.key === "Tab" || event.key === "Enter") take(at);
    else if (event.key === "Escape") {
      found = [];
      draw();
    } else return;
    event.preventDefault();
  });
}

/** What a word may become: columns of a table after its dot; else columns of tables named, tables, words. */
export function proposals(word, text, tables) {
  const [table, column] = word.includes(".") ? word.split(".").slice(-2) : [null, word];
  const begins = (name) => name.toLowerCase().startsWith(column.toLowerCase()) && name.toLowerCase() !== column.toLowerCase();
  if (table !== null) return (tables[table] ?? []).filter(([name]) => begins(name)).slice(0, MOST);
  const named = Object.keys(tables).filter((name) => new RegExp(`\\b${name}\\b`).test(text));
  const columns = new Map();
  for (const name of named.length ? named : Object.keys(tables))
    for (const [each, type] of tables[name]) if (begins(each) && !columns.has(each)) columns.set(each, `${type} · ${name}`);
  const all = [
    ...columns.entries(),
    ...Object.keys(tables).filter(begins).map((name) => [name, "table"]),
    ...WORDS.filter((name) => column.length > 1 && begins(name)).map((name) => [name, ""]),
  ];
  return all.slice(0, MOST);
}
