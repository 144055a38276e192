// All images: chosen by a condition, sorted, counted by what groups them.

import { address, get } from "./api.js";
import { file, fill, h, many, short } from "./dom.js";
import { Grid } from "./grid.js";
import { bind } from "./keys.js";
import { go, keep, url } from "./router.js";

const FACETS = ["condition", "treatment", "date", "folder"];

const COLUMNS = [
  { name: "source_path", title: "file", width: 330 },
  { name: "image_id", title: "image", width: 130 },
  { name: "n_events", title: "events", width: 80, number: true },
  { name: "n_reviewed", title: "reviewed", width: 90, number: true },
  { name: "condition", width: 120 },
  { name: "treatment", width: 110 },
  { name: "date", width: 110 },
  { name: "depth", title: "depth (µm)", width: 100, number: true },
  { name: "n_lines", title: "lines", width: 90, number: true },
  { name: "duration_s", title: "duration (s)", width: 110, number: true },
  { name: "um_per_pixel", title: "µm per pixel", width: 110, number: true },
  { name: "import_notes", title: "notes of the import", width: 320 },
];

export async function show(host, values) {
  let { where = "", sort = "", desc = "" } = values;
  const condition = h("input.where", {
    type: "search",
    value: where,
    placeholder: "SQL condition, such as depth > 100 AND condition = 'control'",
    "aria-label": "SQL condition on the images",
    spellcheck: false,
  });
  const told = h("span.told");
  const facets = h("aside.facets", { "aria-label": "Groups" });
  const rows = h("div.fill");
  const error = h("p.wrong", { role: "alert" });
  fill(
    host,
    h(
      "form.bar",
      { onsubmit: (event) => (event.preventDefault(), choose(condition.value)) },
      h("label", {}, "Where ", condition),
      h("button", {}, "Show"),
      told,
    ),
    error,
    h("div.sides", {}, facets, rows),
  );
  const thumbnail = {
    name: "thumbnail",
    title: "",
    width: 252,
    show: (_, row) =>
      h("img.thumbnail", {
        src: address("thumbnail", { image: grid.value(row, "image_id") }),
        alt: "",
        loading: "lazy",
        width: 240,
        height: 48,
      }),
  };
  const link = (id, text) => h("a", { href: url("image", { image: id }), title: text }, text ? file(text) : "(no file)");
  const named = (path, row) => link(grid.value(row, "image_id"), path);
  const shown = { source_path: named, image_id: (id) => link(id, id) };
  const columns = [thumbnail, ...COLUMNS.map((each) => ({ ...each, show: shown[each.name] }))];
  const grid = new Grid(rows, {
    columns,
    height: 54,
    label: "Images",
    empty: "No image matches.",
    open: (row) => go("image", { image: grid.value(row, "image_id") }),
    sort: (name) => {
      desc = sort === name && !desc ? "1" : "";
      sort = name;
      load();
    },
  });
  let asked = null;

  async function load(at = 0) {
    asked?.abort();
    asked = new AbortController();
    keep({ where, sort, desc });
    try {
      const listing = await get("listing", { kind: "images", where, sort, desc }, asked.signal);
      error.textContent = "";
      told.textContent = many(listing.n_rows, "image");
      grid.show(listing, { at, sorted: { name: sort, desc: Boolean(desc) } });
      drawFacets(await get("facets", { where }, asked.signal));
    } catch (wrong) {
      if (wrong.name === "AbortError") return;
      if (wrong.code === "table-not-found") throw wrong;
      error.textContent = wrong.message;
    }
  }

  function choose(text) {
    where = text.trim();
    condition.value = where;
    return load();
  }

  function drawFacets(counts) {
    fill(
      facets,
      FACETS.map((facet) => {
        const own = counts.filter((each) => each[0] === facet);
        if (own.length < 2 && own[0]?.[1] === null) return null;
        return h(
          "details",
          { open: facet !== "folder" },
          h("summary", {}, facet),
          own.map(([, value, n]) =>
            h("button.plain.facet", { onclick: () => choose(narrowed(where, facet, value)) }, h("span", {}, value ?? "(none)"), h("span.count", {}, short(n))),
          ),
        );
      }),
      where ? h("button.plain", { onclick: () => choose("") }, "Show all images") : null,
    );
  }

  bind([{ key: "/", about: "to the condition", run: () => condition.focus() }]);
  await load();
  grid.scroller.focus({ preventScroll: true });
  return () => (asked?.abort(), grid.close());
}

/** Add to a condition that a column has a value. */
export function narrowed(where, column, value) {
  const own = value === null ? `${column} IS NULL` : `${column} = '${value.replaceAll("'", "''")}'`;
  if (!where.trim()) return own;
  return where.includes(own) ? where : `(${where}\n) AND ${own}`.replaceAll("\n", " ");
}
