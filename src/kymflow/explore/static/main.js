// The page: its bar, and the view that the address names.

import { get } from "./api.js";
import { fill, h, say } from "./dom.js";
import { bind, help } from "./keys.js";
import { here, onChange, url } from "./router.js";

const VIEWS = {
  images: "Images",
  review: "Review",
  events: "Events",
  tune: "Tune",
  ask: "Ask",
  status: "Status",
};

/** What all views share. @type {any} */
let state = null;
let close = () => {};

async function draw() {
  const { view, values } = here();
  close();
  bind([]);
  const host = document.getElementById("view");
  fill(host);
  host.dataset.view = view;
  drawBar(view);
  document.title = `${VIEWS[view] ?? values.image ?? view} · ${state.name}`;
  try {
    const { show } = await import(`./view-${view}.js`);
    close = (await show(host, values, state)) ?? (() => {});
  } catch (error) {
    fail(host, error);
  }
}

/** Tell an error where the view would be, with what to do about it. */
function fail(host, error) {
  if (error.name === "AbortError") return;
  const todo = error.code === "table-not-found" ? h("p", {}, h("a", { href: "/status" }, "Build it on the page Status")) : null;
  fill(host, h("div.failure", { role: "alert" }, h("h1", {}, "This can't be shown"), h("p", {}, error.message), todo));
  if (!error.code) console.error(error);
}

function drawBar(view) {
  const links = Object.entries(VIEWS)
    .filter(([name]) => !(state.read_only && name === "tune"))
    .map(([name, title]) =>
      h("a", { href: url(name), "aria-current": name === view || (view === "image" && name === "images") ? "page" : undefined }, title),
    );
  fill(
    document.getElementById("bar"),
    h("strong.name", { title: state.dataset }, state.name),
    h("nav", { "aria-label": "Views" }, links),
    h("span.who", {}, state.read_only ? "read only" : `reviewer: ${state.reviewer}`),
    h("button.plain", { onclick: help, title: "Keys (?)" }, "?"),
  );
}

addEventListener("unhandledrejection", (event) => {
  event.preventDefault();
  if (event.reason?.name === "AbortError") return;
  say(event.reason?.message ?? String(event.reason), "error");
  if (!event.reason?.code) console.error(event.reason);
});

try {
  state = await get("state");
  onChange(draw);
  await draw();
} catch (error) {
  fail(document.getElementById("view"), error);
}
