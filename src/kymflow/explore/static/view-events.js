// All events of all images; many can be chosen and decided on at once.

import { post } from "./api.js";
import { turnAndSay } from "./decisions.js";
import { ask, file, fill, h, many, say } from "./dom.js";
import { bind } from "./keys.js";
import { Listed } from "./listed.js";
import { go, url } from "./router.js";

const EXAMPLE = "SQL condition, such as event_type = 'nan_gap' AND duration_s < 0.3";
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
  let chosen = [];
  const actions = h("div.actions.inline");
  const list = new Listed("events", values, EXAMPLE, () => ((chosen = []), drawActions()));
  const review = () => go("review", { ...list.state, where: list.state.where || "true" });
  const reviewButton = h("button", { type: "button", onclick: review }, "Review these by keyboard");
  if (!state.read_only) list.bar.append(reviewButton);
  fill(host, list.bar, list.error, actions, list.rows);
  const placeOf = (row) => {
    const [image, event, roi] = ["image_id", "event_id", "roi_id"].map((name) => list.grid.value(row, name));
    return { image, event, roi };
  };
  const link = (path, row) =>
    h("a", { title: path, href: url("image", placeOf(row)) }, path ? file(path) : placeOf(row).image);
  const size = () => chosen.reduce((sum, [from, to]) => sum + to - from, 0);

  function drawActions() {
    if (state.read_only) return fill(actions);
    const n = size();
    const button = (text, verb, more) => h("button", { disabled: !n, onclick: () => act(verb, more) }, text);
    return fill(
      actions,
      h("span.told", {}, n ? `${many(n, "event")} chosen` : "Choose with Shift or Ctrl and a click, or the space bar"),
      h("button", { onclick: () => list.grid.choose([[0, list.grid.listing.n_rows]], true) }, "choose all"),
      state.labels.map((label) => button(label.replaceAll("_", " "), "label", { label })),
      button("reject", "reject"),
      button("restore", "restore"),
      button("note…", "note"),
    );
  }

  async function act(verb, more = {}) {
    /** @type {Record<string, any>} */
    const body = { listing: list.grid.listing.listing, ranges: chosen, verb, ...more };
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
    { key: "/", about: "to the condition", run: () => list.condition.focus() },
    ...(state.read_only
      ? []
      : [
          { key: "u", about: "undo your last decision", run: () => turnAndSay("undo") },
          { key: "Shift+u", about: "redo", run: () => turnAndSay("redo") },
          { key: "r", about: "reject those chosen", run: () => size() && act("reject") },
        ]),
  ]);
  await list.begin({
    columns: COLUMNS.map((each) => (each.name === "source_path" ? { ...each, show: link } : each)),
    open: (row) => go("image", placeOf(row)),
    select: state.read_only ? undefined : (ranges) => ((chosen = ranges), drawActions()),
  });
  list.grid.scroller.focus({ preventScroll: true });
  return () => list.close();
}
