// All events of all images; many can be chosen and decided on at once.

import { get, post } from "./api.js";
import { turnAndSay } from "./decisions.js";
import { ask, file, fill, h, many, say } from "./dom.js";
import { Grid } from "./grid.js";
import { bind } from "./keys.js";
import { go, keep, url } from "./router.js";

const COLUMNS = [
  { name: "source_path", title: "file", width: 330 },
  { name: "roi_id", title: "ROI", width: 60, number: true },
  { name: "event_id", title: "event", width: 80 },
  { name: "event_type", title: "type", width: 130 },
  { name: "t_start_s", title: "start (s)", width: 90, number: true },
  { name: "t_end_s", title: "end (s)", width: 90, number: true },
  { name: "duration_s", title: "duration (s)", width: 110, number: true },
  { name: "strength", width: 90, number: true },
  { name: "score", width: 90, number: true },
  { name: "candidate", width: 105, show: (value) => (value ? "candidate" : "") },
  { name: "user_type", title: "label", width: 110 },
  { name: "rejected", width: 100, show: (value) => (value ? "rejected" : "") },
  { name: "note", width: 240 },
  { name: "condition", width: 120 },
  { name: "image_id", title: "image", width: 130 },
];

export async function show(host, values, state) {
  let { where = "", sort = "", desc = "" } = values;
  let chosen = [];
  const condition = h("input.where", { type: "search", value: where, placeholder: "SQL condition, such as event_type = 'nan_gap' AND duration_s < 0.3", "aria-label": "SQL condition on the events", spellcheck: false });
  const told = h("span.told");
  const error = h("p.wrong", { role: "alert" });
  const rows = h("div.fill");
  const actions = h("div.actions.inline");
  fill(
    host,
    h("form.bar", { onsubmit: (event) => (event.preventDefault(), (where = condition.value.trim()), load()) }, h("label", {}, "Where ", condition), h("button", {}, "Show"), told, h("a", { href: "#", onclick: (event) => (event.preventDefault(), event.stopPropagation(), go("review", { where: where || "true", sort, desc })) }, "Review these by keyboard")),
    error,
    actions,
    rows,
  );
  const link = (path, row) => h("a", { title: path, href: url("image", { image: grid.value(row, "image_id"), event: grid.value(row, "event_id"), roi: grid.value(row, "roi_id") }) }, path ? file(path) : grid.value(row, "image_id"));
  const grid = new Grid(rows, {
    columns: COLUMNS.map((each) => (each.name === "source_path" ? { ...each, show: link } : each)),
    label: "Events",
    empty: "No event matches.",
    open: (row) => go("image", { image: grid.value(row, "image_id"), event: grid.value(row, "event_id"), roi: grid.value(row, "roi_id") }),
    sort: (name) => {
      desc = sort === name && !desc ? "1" : "";
      sort = name;
      load();
    },
    select: state.read_only ? undefined : (ranges) => ((chosen = ranges), drawActions()),
  });
  let asked = null;

  async function load(at = 0) {
    asked?.abort();
    asked = new AbortController();
    keep({ where, sort, desc });
    try {
      const listing = await get("listing", { kind: "events", where, sort, desc }, asked.signal);
      error.textContent = "";
      told.textContent = many(listing.n_rows, "event");
      chosen = [];
      grid.show(listing, { at, sorted: { name: sort, desc: Boolean(desc) } });
      drawActions();
    } catch (wrong) {
      if (wrong.name === "AbortError") return;
      if (wrong.code === "table-not-found") throw wrong;
      error.textContent = wrong.message;
    }
  }

  const size = () => chosen.reduce((sum, [from, to]) => sum + to - from, 0);

  function drawActions() {
    if (state.read_only) return fill(actions);
    const n = size();
    const button = (text, verb, more) => h("button", { disabled: !n, onclick: () => act(verb, more) }, text);
    return fill(
      actions,
      h("span.told", {}, n ? `${many(n, "event")} chosen` : "Choose with Shift or Ctrl and a click, or the space bar"),
      h("button", { onclick: () => grid.choose([[0, grid.listing.n_rows]], true) }, "choose all"),
      state.labels.map((label) => button(label.replaceAll("_", " "), "label", { label })),
      button("reject", "reject"),
      button("restore", "restore"),
      button("note…", "note"),
    );
  }

  async function act(verb, more = {}) {
    /** @type {Record<string, any>} */
    const body = { listing: grid.listing.listing, ranges: chosen, verb, ...more };
    if (verb === "note") {
      const note = await ask(`Note on ${many(size(), "event")}`, { value: "", ok: "Next", multiline: true });
      if (note === null) return;
      body.note = note;
    }
    const counted = await post("decide-listed", { ...body, dry_run: true });
    const what = verb === "label" ? `Label as ${more.label.replaceAll("_", " ")}` : verb[0].toUpperCase() + verb.slice(1);
    const said = `${what}: ${many(counted.n_events, "event")} of ${many(counted.n_images, "image")}?`;
    if ((await ask(said, { ok: what })) === null) return;
    await post("decide-listed", body);
    say(`Done: ${many(counted.n_events, "event")}. u undoes it; index to see it in this table.`);
  }

  bind([
    { key: "/", about: "to the condition", run: () => condition.focus() },
    ...(state.read_only
      ? []
      : [
          { key: "u", about: "undo your last decision", run: () => turnAndSay("undo") },
          { key: "Shift+u", about: "redo", run: () => turnAndSay("redo") },
          { key: "r", about: "reject those chosen", run: () => size() && act("reject") },
        ]),
  ]);
  await load();
  grid.scroller.focus({ preventScroll: true });
  return () => (asked?.abort(), grid.close());
}
