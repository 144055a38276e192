// What is fresh, what is due and why; and the steps that bring it up to date.

import { get } from "./api.js";
import { fill, h, many, tableOf } from "./dom.js";
import { JobPanel } from "./job.js";
import { url } from "./router.js";

const STEPS = [
  ["velocity", "Measure velocities", "what has pixels and no trace of its own"],
  ["detect", "Detect events", "in traces that are new or have new params"],
  ["index", "Update the tables", "of images, velocities, events and reviews"],
];

export async function show(host, _, state) {
  const table = h("div");
  const failed = h("div");
  const running = h("div.job");
  const panel = new JobPanel(running, load);
  const steps = STEPS.map(([step, title, about]) =>
    h("button", { disabled: state.read_only, title: about, onclick: () => panel.start(step) }, title),
  );
  fill(host, h("h1.title", {}, "Status"), state.read_only ? null : h("div.actions.inline", {}, steps), running, table, failed);

  async function load() {
    if (!table.hasChildNodes()) fill(table, h("p", {}, "Looking at every image …"));
    const status = await get("status");
    fill(
      table,
      h("p", {}, many(status.images, "image")),
      tableOf(
        ["step", "action", "reason", "images", "rows"],
        status.steps.map(([step, action, reason, ...counts]) => [step, action, reason.replaceAll("_", " "), ...counts]),
        ([, action]) => (action === "skip" ? "" : "due"),
      ),
    );
    fill(
      failed,
      status.failed.length ? h("h2", {}, "Images that failed") : null,
      h(
        "ul",
        {},
        status.failed.map(({ image_id: image, error }) =>
          h("li", {}, h("a", { href: url("image", { image }) }, image), `: ${error ?? ""}`),
        ),
      ),
    );
  }

  await load();
  return () => panel.close();
}
