// Review by keyboard: one event after another, of a condition or of a blind queue.

import { get } from "./api.js";
import { askNote, decide, sameEvent, sayConflict, turnAndSay, wordsFor } from "./decisions.js";
import { conditionField, factsOf, fill, h, many, say } from "./dom.js";
import { bind, nameOf } from "./keys.js";
import { go, keep, url } from "./router.js";
import { fetchImage, movingKeys, Viewer } from "./viewer.js";

const AHEAD = 3;
const KEPT = 8; // images in memory
const TIMES = { "start (s)": "t_start_s", "end (s)": "t_end_s", "duration (s)": "duration_s" };
const SPEEDS = { "before (mm/s)": "baseline_before", "after (mm/s)": "baseline_after" };
const SHOWN = { ROI: "roi_id", ...TIMES, strength: "strength", ...SPEEDS, note: "note" };
const DEFAULT = "user_type = 'unreviewed' AND NOT rejected AND candidate IS NOT TRUE";

export async function show(host, values, state) {
  if (state.read_only) throw new Error("The dataset is open for reading only: nothing can be decided.");
  const asked = question(values);
  if (!asked) return choose(host, state);
  const queue = values.queue || null;
  const listing = await get("listing", { ...asked, first: 0 });
  if (!listing.n_rows) {
    const others = h("a", { href: "/review" }, "Choose others");
    fill(host, h("div.failure", {}, h("h1", {}, "Nothing to review"), h("p", {}, "No event matches."), others));
    return undefined;
  }
  const places = new Map(listing.columns.map((each, place) => [each.name, place]));
  const lacking = KEY.filter((name) => !places.has(name));
  if (lacking.length) throw new Error(`The answer does not name events: it has no ${lacking.join(", ")}.`);
  let progress = await get("progress", { listing: listing.listing, queue });
  let at = values.at === undefined ? (progress.first ?? 0) : Math.min(Number(values.at), listing.n_rows - 1);
  const started = { time: Date.now(), n: 0 };
  const rows = new Map();
  const images = new Map();

  const heading = h("h1.title");
  const facts = h("div.event-facts", { "aria-live": "polite" });
  const meter = h("progress", { max: listing.n_rows });
  const told = h("span.told");
  const groups = h("div");
  const stage = h("div.stage");
  const buttons = h("div.actions");
  fill(
    host,
    h("div.bar", {}, heading, meter, told),
    h(
      "div.sides.right",
      {},
      stage,
      h("aside", {}, facts, buttons, h("h2", {}, "Progress"), groups, h("a", { href: "/review" }, "Choose other events")),
    ),
  );
  const viewer = new Viewer(stage, {
    colours: state.colours,
    edit: (event, times) => act("edit", times, false),
    select: (event) => viewer.select(event ?? current.event),
  });
  let current = null;
  let wanted = 0;

  async function rowAt(place) {
    if (!rows.has(place)) {
      const from = Math.floor(place / 50) * 50;
      const page = await get("rows", { listing: listing.listing, from, to: from + 50 });
      page.forEach((row, n) => rows.set(from + n, Object.fromEntries([...places].map(([name, p]) => [name, row[p]]))));
    }
    return rows.get(place);
  }

  function imageOf(id) {
    const known = images.get(id) ?? fetchImage(id, queue);
    images.delete(id);
    images.set(id, known);
    known.catch(() => images.delete(id));
    while (images.size > KEPT) images.delete(images.keys().next().value);
    return known;
  }

  async function prefetch() {
    for (let n = 1; n <= AHEAD && at + n < listing.n_rows; n += 1) imageOf((await rowAt(at + n)).image_id);
  }

  async function showAt(place) {
    at = Math.min(Math.max(0, place), listing.n_rows - 1);
    const mine = (wanted += 1);
    const row = await rowAt(at);
    const image = await imageOf(row.image_id);
    if (mine !== wanted) return;
    const event = image.events.find((each) => sameEvent(each, row)) ?? null;
    current = { image, event, row, place: at };
    if (viewer.image !== image) viewer.show(image);
    viewer.select(event);
    viewer.focus(event ?? row);
    drawFacts();
    keep({ at });
    host.dataset.at = String(at);
    prefetch();
  }

  function drawFacts() {
    const { image, event, row } = current;
    heading.textContent = `${at + 1} of ${listing.n_rows.toLocaleString("en")} · ${image.path ?? image.image}`;
    if (!event) {
      fill(facts, h("p.wrong", {}, `This event is gone (${row.event_type} ${row.event_id}): it was removed, or detected anew.`));
      return fill(buttons);
    }
    const place = { image: image.image, event: event.event_id, roi: event.roi_id };
    fill(
      facts,
      h("h2", {}, `${event.event_type} ${event.event_id}`, h("span.verdict", {}, wordsFor(event))),
      factsOf(Object.entries(SHOWN).map(([title, name]) => [title, event[name]])),
      queue ? null : h("p", {}, h("a", { href: url("image", place) }, "Open the image")),
    );
    return drawButtons(event);
  }

  function drawButtons(event) {
    const button = (key, text, run) => h("button", { onclick: run }, h("kbd", {}, nameOf(key)), ` ${text}`);
    fill(
      buttons,
      button(" ", `accept: ${event.proposed.replaceAll("_", " ")}`, accept),
      state.labels.map((name, n) => button(String(n + 1), name.replaceAll("_", " "), () => act("label", { label: name }))),
      button("r", event.rejected ? "restore" : "reject", reject),
      button("n", "note", note),
      button("u", "undo", () => turn("undo")),
      button("Shift+u", "redo", () => turn("redo")),
    );
  }

  function drawProgress() {
    meter.value = progress.done;
    const minutes = (Date.now() - started.time) / 60_000;
    const pace = started.n > 2 ? ` · ${Math.round(started.n / minutes)} per minute` : "";
    told.textContent = `${progress.done.toLocaleString("en")} of ${many(progress.n, "event")} judged${pace}`;
    fill(groups, factsOf(progress.groups.map(([name, done, n]) => [name, `${done} / ${n}`])));
  }

  const isJudged = (event) => event.rejected || (event.user_type ?? "unreviewed") !== "unreviewed";

  function count(before, after) {
    const by = Number(isJudged(after)) - Number(isJudged(before));
    progress.done += by;
    const group = progress.groups.find(([name]) => name === after.event_type);
    if (group) group[1] += by;
  }

  /** While the next event is on its way, the one that was judged still stands there: a key is not for it. */
  function isThere() {
    if (current.place !== at) say("The next event is not there yet: nothing was decided.");
    return current.place === at;
  }

  /** Decide on the event that is shown, and show the next at once; the decision follows in its turn. */
  async function act(verb, values = {}, advance = true) {
    const { image, event, place } = current;
    if (!event || !isThere()) return;
    const sent = decide(queue, image, event, verb, values);
    if (advance && at + 1 < listing.n_rows) showAt(at + 1);
    else if (advance) say("That was the last event of this list.");
    started.n += 1;
    try {
      const events = (await sent).images[image.image];
      const after = events.find((each) => sameEvent(each, event));
      if (after) count(event, after);
      take(image, events);
    } catch (error) {
      take(image, (await get("image", { image: image.image, queue })).events);
      await showAt(place);
      if (error.code !== "review-conflict") throw error;
      sayConflict(error, `${verb} ${values.label ?? ""}`.trim());
    }
    drawProgress();
  }

  /** Put new events in the place of those that are shown of an image. */
  function take(image, events) {
    image.events = events;
    if (current.image !== image) return;
    current.event = events.find((each) => sameEvent(each, current.row)) ?? null;
    viewer.select(current.event);
    drawFacts();
  }

  const accept = () => current.event && act("label", { label: current.event.proposed });
  const reject = () => current.event && act(current.event.rejected ? "restore" : "reject");

  async function note() {
    if (!current.event || !isThere()) return;
    const text = await askNote(current.event);
    if (text !== null) await act("note", { note: text }, false);
  }

  async function turn(which) {
    const done = await turnAndSay(which, queue);
    images.clear();
    progress = await get("progress", { listing: listing.listing, queue });
    drawProgress();
    viewer.image = null;
    const [first] = done.events;
    let place = at;
    for (let back = 0; first && back <= 60; back += 1) {
      const near = [at - back, at + back].filter((n) => n >= 0 && n < listing.n_rows);
      const found = (await Promise.all(near.map(async (n) => [n, await rowAt(n)]))).find(
        ([, row]) => row.image_id === first.image_id && sameEvent(row, first),
      );
      if (found) {
        [place] = found;
        break;
      }
    }
    await showAt(place);
  }

  bind([
    { key: " ", about: "accept what the detector says, and go on", run: accept },
    ...state.labels.map((name, n) => ({ key: String(n + 1), about: `label ${name}, and go on`, run: () => act("label", { label: name }) })),
    { key: "r", about: "reject (or restore), and go on", run: reject },
    { key: "n", about: "note", run: note },
    { key: "ArrowRight", about: "next event", run: () => showAt(at + 1) },
    { key: "ArrowLeft", about: "previous event", run: () => showAt(at - 1) },
    { key: "u", about: "undo your last decision", run: () => turn("undo") },
    { key: "Shift+u", about: "redo", run: () => turn("redo") },
    ...movingKeys(viewer),
    { key: "f", about: "back to the event", run: () => viewer.focus(current.event ?? current.row) },
  ]);
  drawProgress();
  await showAt(at);
  return () => viewer.close();
}

const KEY = ["image_id", "roi_id", "channel", "event_id"];

/** What the address asks for: a queue, a query or a named one that names events, or a condition. */
function question({ queue, sql, name, params, where, sort, desc }) {
  if (queue) return { kind: "queue", queue };
  if (sql) return { kind: "sql", sql };
  if (name) return { kind: "named", name, params };
  return where === undefined ? null : { kind: "events", where, sort, desc };
}

/** Choose what to review: a queue, or events by a condition. */
function choose(host, state) {
  const where = conditionField(DEFAULT, "", "SQL condition on the events");
  const link = (queue) => h("a", { href: url("review", { queue }) }, queue);
  const queues = state.queues.map((name) => h("li", {}, link(name), " – blind: images are not named"));
  const begin = (event) => (event.preventDefault(), go("review", { where: where.value || "true" }));
  fill(
    host,
    h("h1.title", {}, "Review"),
    h("h2", {}, "Events by a condition"),
    h("form.bar", { onsubmit: begin }, where, h("button.main", {}, "Begin")),
    h("h2", {}, "Blind queues"),
    queues.length ? h("ul", {}, queues) : h("p", {}, "None yet: `kymflow review sample DATASET --per condition 20 --save NAME` draws one."),
  );
  where.focus();
  return undefined;
}
