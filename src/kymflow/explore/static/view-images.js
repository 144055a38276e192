// All images: chosen by a condition, sorted, counted by what groups them.

import { address, get } from "./api.js";
import { file, fill, h, short } from "./dom.js";
import { bind } from "./keys.js";
import { Listed } from "./listed.js";
import { go, url } from "./router.js";

const FACETS = ["condition", "treatment", "date", "folder"];

const EXAMPLE = "SQL condition, such as depth > 100 AND condition = 'control'";
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
  const facets = h("aside.facets", { "aria-label": "Groups" });
  const list = new Listed("images", values, EXAMPLE, async (signal) =>
    drawFacets(await get("facets", { where: list.state.where }, signal)),
  );
  fill(host, list.bar, list.error, h("div.sides", {}, facets, list.rows));
  const idOf = (row) => list.grid.value(row, "image_id");
  const thumbnail = {
    name: "thumbnail",
    title: "",
    width: 252,
    show: (_, row) =>
      h("img.thumbnail", {
        src: address("thumbnail", { image: idOf(row) }),
        alt: "",
        loading: "lazy",
        width: 240,
        height: 48,
      }),
  };
  const link = (id, text) => h("a", { href: url("image", { image: id }), title: text }, text ? file(text) : "(no file)");
  const named = (path, row) => link(idOf(row), path);
  const shown = { source_path: named, image_id: (id) => link(id, id) };
  const columns = [thumbnail, ...COLUMNS.map((each) => ({ ...each, show: shown[each.name] }))];
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
            h(
              "button.plain.facet",
              { onclick: () => list.choose(narrowed(list.state.where, facet, value)) },
              h("span", {}, value ?? "(none)"),
              h("span.count", {}, short(n)),
            ),
          ),
        );
      }),
      list.state.where ? h("button.plain", { onclick: () => list.choose("") }, "Show all images") : null,
    );
  }

  bind([{ key: "/", about: "to the condition", run: () => list.condition.focus() }]);
  await list.begin({ columns, height: 54, open: (row) => go("image", { image: idOf(row) }) });
  list.grid.scroller.focus({ preventScroll: true });
  return () => list.close();
}

/** Add to a condition that a column has a value. */
export function narrowed(where, column, value) {
  const own = value === null ? `${column} IS NULL` : `${column} = '${value.replaceAll("'", "''")}'`;
  if (!where.trim()) return own;
  return where.includes(own) ? where : `(${where}\n) AND ${own}`.replaceAll("\n", " ");
}
