// The detector's params: what others would change, before they do.

import { get, post } from "./api.js";
import { ask, debounce, fill, h, labelled, many, say, tableOf } from "./dom.js";
import { JobPanel } from "./job.js";
import { bind } from "./keys.js";
import { go, keep, url } from "./router.js";
import { fetchImage, movingKeys, Viewer } from "./viewer.js";

const FATES = ["kept", "moved", "new", "gone"];
const FATE_COLOURS = { kept: "#6B6B6B", moved: "#0072B2", new: "#009E73", gone: "#D55E00" };
const STEPS = 200;

export async function show(host, values, state) {
  let { image = "", where = "", sample = "20", seed = "0" } = values;
  const { params } = await get("params", { image });
  const given = JSON.parse(values.params ?? "{}");
  const own = Object.fromEntries(params.map((param) => [param.key, param.value]));
  const changes = () => Object.fromEntries(Object.entries(given).filter(([key, value]) => value !== own[key]));
  const counts = h("div.counts", { role: "status" });
  const stage = h("div.stage");
  const list = h("div");
  const running = h("div.job");
  const apply = h("button.main", { onclick: applyThem }, "Apply to these images…");
  let viewer = null;
  let asked = null;
  let last = null;
  const panel = new JobPanel(running, () => look());

  fill(
    host,
    h("h1.title", {}, "Tune the detector"),
    h(
      "div.sides",
      {},
      h("aside.sliders", {}, chooser(), params.map(slider), h("div.buttons", {}, h("button", { onclick: reset }, "As it is"), apply)),
      h("section.fill", {}, counts, stage, list, running),
    ),
  );

  function chooser() {
    const field = (name, text, value, set, more = {}) =>
      labelled(text, h("input", { name, value, onchange: (event) => (set(event.target.value.trim()), restart()), ...more }));
    return h(
      "div.chooser",
      {},
      field("image", "one image (id or file)", image, (text) => (image = text), { placeholder: "empty: a sample" }),
      field("sample", "or a sample of", sample, (text) => (sample = text), { type: "number", min: 1, max: 200, disabled: Boolean(image) }),
      field("seed", "drawn with seed", seed, (text) => (seed = text), { type: "number", disabled: Boolean(image) }),
      field("where", "of images where", where, (text) => (where = text), {
        placeholder: "SQL condition on kym_images",
        disabled: Boolean(image),
      }),
    );
  }

  function restart() {
    go("tune", { image, where, sample, seed, params: JSON.stringify(changes()) });
  }

  function slider(param) {
    const now = given[param.key] ?? param.value;
    const high = param.high ?? Math.max(4 * (param.default ?? 1), 2 * (now ?? 0), 1);
    const limits = { min: 0, max: param.high ?? undefined, step: "any", placeholder: "none" };
    const number = h("input", { type: "number", value: now ?? "", ...limits, "aria-label": `${param.key}, exactly` });
    const range = h("input", { type: "range", min: 0, max: STEPS, value: (STEPS * (now ?? 0)) / high, "aria-label": param.key });
    const set = (value) => {
      given[param.key] = value;
      keep({ params: JSON.stringify(changes()) });
      node.classList.toggle("changed", value !== param.value);
      look();
    };
    range.addEventListener("input", () => {
      const rough = (Number(range.value) * high) / STEPS;
      const value = param.whole ? Math.round(rough) : Number(rough.toPrecision(3));
      number.value = String(value);
      set(value);
    });
    number.addEventListener("change", () => {
      const value = number.value === "" ? null : Number(number.value);
      range.value = String((STEPS * (value ?? 0)) / high);
      set(value);
    });
    const name = h("span", {}, param.unit ? `${param.key} (${param.unit})` : param.key);
    const title = `${param.meaning} (${param.range})`;
    const node = h(`div.param${now === param.value ? "" : ".changed"}`, { title }, h("label", {}, name, range), number);
    return node;
  }

  function reset() {
    go("tune", { image, where, sample, seed });
  }

  const look = debounce(120, async () => {
    asked?.abort();
    asked = new AbortController();
    counts.dataset.state = "looking";
    try {
      last = await get("preview", { image, where, sample, seed, params: changes() }, asked.signal);
      drawCounts();
      await drawImages();
      counts.dataset.state = "done";
    } catch (error) {
      if (error.name === "AbortError") return;
      counts.dataset.state = "failed";
      fill(counts, h("p.wrong", { role: "alert" }, error.message));
    }
  });

  function drawCounts() {
    const { totals, images, failed } = last;
    const verdicts =
      `People's verdicts: ${totals.verdicts_moved} move to the new event, ` +
      `${totals.verdicts_kept} stay where no event is found any more. None is lost.`;
    const [first] = failed.map((each) => `${each.image}: ${each.message}`);
    fill(
      counts,
      FATES.map((fate) => h("span.fate", { "data-fate": fate }, h("b", {}, totals[fate]), ` ${fate}`)),
      h("span.told", {}, `of ${many(images.length, "image")}`),
      h("p", {}, verdicts),
      first ? h("p.wrong", {}, `${many(failed.length, "image")} can't be searched, first ${first}`) : null,
    );
    apply.disabled = state.read_only || !Object.keys(changes()).length;
  }

  async function drawImages() {
    if (!image) {
      viewer?.close();
      viewer = null;
      fill(stage);
      const tried = JSON.stringify(changes());
      const link = (each) => h("a", { href: url("tune", { image: each.image, params: tried }) }, each.path ?? each.image);
      const rows = last.images.map((each) => [link(each), ...FATES.map((fate) => each[fate])]);
      return fill(list, tableOf(["image", ...FATES], rows));
    }
    const [found] = last.images;
    if (!found) return undefined;
    const shown = (viewer?.image?.image === image && viewer.image) || (await fetchImage(image, null));
    // Drawn by what becomes of them: the fate takes the place of the type, with a colour of its own.
    const fated = { ...shown, events: found.events.map((event) => ({ ...event, event_type: event.fate })) };
    const view = viewer?.view;
    if (!viewer) {
      viewer = new Viewer(stage, { colours: { ...FATE_COLOURS, "": FATE_COLOURS.kept } });
      bind(movingKeys(viewer));
    }
    viewer.show(fated, view);
    return undefined;
  }

  async function applyThem() {
    const told = Object.entries(changes()).map(([key, value]) => `${key} = ${value}`).join(", ");
    const { totals, images } = last;
    const fates = `${totals.new} events are new, ${totals.gone} go, ${totals.moved} move.`;
    const said = `Set ${told} for ${many(images.length, "image")}, and detect again? ${fates}`;
    if ((await ask(said, { ok: "Apply" })) === null) return;
    await post("apply", { image, where, sample: Number(sample), seed: Number(seed), params: changes() });
    say("Detecting. Afterwards, update the tables on the page Status.");
    panel.follow(true);
  }

  look();
  return () => (asked?.abort(), panel.close(), viewer?.close());
}
