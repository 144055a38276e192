// One image: pixels, velocity, events, and what is known of it.

import { address, get } from "./api.js";
import { add, askNote, decide, sameEvent, sayConflict, turnAndSay, wordsFor } from "./decisions.js";
import { debounce, factsOf, fill, h, say } from "./dom.js";
import { bind } from "./keys.js";
import { keep, url } from "./router.js";
import { fetchImage, movingKeys, Viewer } from "./viewer.js";

export async function show(host, values, state) {
  const { queue = null } = values;
  if (!values.image) throw new Error("The address names no image.");
  const data = await fetchImage(values.image, queue);
  const { image } = data;
  const list = h("ol.events", { role: "listbox", "aria-label": "Events" });
  const actions = h("div.actions");
  const stage = h("div.stage");
  const figures = h("div.figures");
  fill(
    host,
    h("h1.title", {}, data.path ?? image, data.path && data.path !== image ? h("small", {}, ` ${image}`) : null),
    h("div.sides.right", {}, stage, h("aside", {}, h("h2", {}, "Events"), list, actions, figures, details(data))),
  );
  const write = !state.read_only;
  const tell = debounce(200, ({ start, end }) => {
    keep({ start: start.toFixed(4), end: end.toFixed(4) });
    drawFigures();
  });
  const viewer = new Viewer(stage, {
    colours: state.colours,
    select: (event) => choose(event),
    edit: write ? (event, times) => act(event, "edit", times) : undefined,
    add: write ? (place) => addEvent(place) : undefined,
    moved: tell,
  });
  const view = values.end ? { start: Number(values.start), end: Number(values.end) } : undefined;
  viewer.show(data, view);

  function choose(event, focus = false) {
    viewer.select(event);
    if (event && focus) viewer.focus(event);
    drawList();
  }

  function drawList() {
    const focused = list.contains(document.activeElement) && document.activeElement !== list;
    fill(
      list,
      data.events.map((event, place) =>
        h(
          `li${event === viewer.selected ? ".current" : ""}${event.rejected ? ".rejected" : ""}`,
          {
            role: "option",
            tabIndex: 0, // Tab goes from event to event
            "aria-selected": event === viewer.selected,
            onclick: () => choose(data.events[place], true),
            onfocus: () => viewer.selected !== data.events[place] && choose(data.events[place], true),
          },
          h("span.type", {}, event.event_type, h("small", {}, ` ROI ${event.roi_id}`)),
          h("span", {}, event.t_start_s === null ? "" : `${event.t_start_s.toFixed(2)} s`),
          h("span.word", {}, wordsFor(event)),
          event.note ? h("span.note", {}, event.note) : null,
        ),
      ),
    );
    const current = list.querySelector(".current");
    current?.scrollIntoView({ block: "nearest" });
    if (focused) current?.focus({ preventScroll: true });
    drawActions();
  }

  function drawActions() {
    const event = viewer.selected;
    if (!write) return fill(actions);
    const label = state.labels.map((name) =>
      h("button", { disabled: !event, onclick: () => act(event, "label", { label: name }) }, name.replaceAll("_", " ")),
    );
    return fill(
      actions,
      label,
      h("button", { disabled: !event, onclick: () => note(event) }, "note…"),
      event?.rejected
        ? h("button", { onclick: () => act(event, "restore") }, "restore")
        : h("button", { disabled: !event, onclick: () => act(event, "reject") }, "reject"),
      event?.event_type === "User Added" ? h("button", { onclick: () => act(event, "remove") }, "remove") : null,
      h("button", { onclick: startAdding }, "add an event…"),
    );
  }

  function startAdding() {
    viewer.adding = true;
    say("Drag over the velocity from where the event starts to where it ends.");
  }

  function drawFigures() {
    const { start, end } = viewer.view;
    const link = (format) =>
      h("a", { href: address("figure", { image, queue, format, start, end }), download: "" }, format.toUpperCase());
    fill(figures, h("h2", {}, "Export figure"), h("p", {}, link("png"), " ", link("svg"), " of the time in view"));
  }

  function take(events) {
    const before = viewer.selected;
    data.events = events;
    viewer.image.events = events;
    choose(events.find((each) => before && sameEvent(each, before)) ?? null);
  }

  async function act(event, verb, values = {}) {
    try {
      const told = await decide(queue, data, event, verb, values);
      take(told.images[image]);
    } catch (error) {
      take((await get("image", { image, queue })).events);
      if (error.code !== "review-conflict") throw error;
      sayConflict(error, verb);
    }
  }

  async function note(event) {
    const text = await askNote(event);
    if (text !== null) await act(event, "note", { note: text });
  }

  async function addEvent(place) {
    const told = await add({ image, queue, ...place });
    take(told.images[image]);
    choose(data.events.find((each) => each.event_id === told.event_id));
  }

  async function turn(which) {
    await turnAndSay(which, queue);
    take((await get("image", { image, queue })).events);
  }

  const step = (by) => {
    if (!data.events.length) return;
    const place = data.events.indexOf(viewer.selected);
    const next = place < 0 ? (by > 0 ? 0 : data.events.length - 1) : place + by;
    if (data.events[next]) choose(data.events[next], true);
  };
  const onEvent = (run) => () => (viewer.selected ? run(viewer.selected) : say("Select an event first: → or a click."));
  bind([
    { key: "ArrowRight", about: "next event", run: () => step(1) },
    { key: "ArrowLeft", about: "previous event", run: () => step(-1) },
    ...movingKeys(viewer),
    ...(write
      ? [
          ...state.labels.map((name, n) => ({
            key: String(n + 1),
            about: `label ${name}`,
            run: onEvent((event) => act(event, "label", { label: name })),
          })),
          { key: "r", about: "reject, or restore", run: onEvent((event) => act(event, event.rejected ? "restore" : "reject")) },
          { key: "n", about: "note", run: onEvent(note) },
          { key: "a", about: "add an event: then drag", run: startAdding },
          { key: "u", about: "undo", run: () => turn("undo") },
          { key: "Shift+u", about: "redo", run: () => turn("redo") },
        ]
      : []),
  ]);
  const wanted = data.events.find((e) => e.event_id === values.event && (!values.roi || String(e.roi_id) === values.roi));
  choose(wanted ?? null, Boolean(wanted && !view));
  drawFigures();
  return () => viewer.close();
}

function details(data) {
  const facts = [
    ["lines × pixels", data.shape ? data.shape.join(" × ") : "no pixels"],
    ["s per line", data.seconds_per_line],
    ["µm per pixel", data.um_per_pixel],
  ];
  const { experiment_metadata: experiment = {} } = data.metadata;
  facts.push(...Object.entries(experiment ?? {}));
  const all = JSON.stringify(data.metadata, null, 1);
  return h(
    "div",
    {},
    h("h2", {}, "Image"),
    factsOf(facts),
    all.length > 2 ? h("details", {}, h("summary", {}, "All metadata"), h("pre", {}, all)) : null,
    data.queue ? null : h("p", {}, h("a", { href: url("tune", { image: data.image }) }, "Tune the detector on this image")),
  );
}
