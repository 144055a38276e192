// Questions: SQL or a named query; the answer as a table, as a chart, as a file.

import { address, get, post } from "./api.js";
import { showChart } from "./chart.js";
import { completing } from "./complete.js";
import { ask, fill, h, labelled, many, say } from "./dom.js";
import { Grid } from "./grid.js";
import { bind } from "./keys.js";
import { go, keep, url } from "./router.js";

const FORMATS = ["csv", "tsv", "json", "jsonl", "markdown", "parquet", "arrow", "xlsx"];
const KINDS = ["line", "bar", "hist", "scatter", "box"];
const EXAMPLE = "SELECT condition, count(*) AS n_events\nFROM kym_events JOIN kym_images USING (image_id)\nGROUP BY condition";

export async function show(host, values, state) {
  const [{ tables }, known] = await Promise.all([get("schema"), get("queries")]);
  let { named = known.named, saved = known.saved } = known;
  let name = values.name ?? "";
  let listing = null;
  let asked = null;
  let grid = null;
  let openRow = null; // opens the image of a row, where rows name one
  const area = h("textarea.sql", { value: values.sql ?? (name ? "" : EXAMPLE), rows: 6, spellcheck: false, "aria-label": "SQL" });
  const picker = h("select", { "aria-label": "Query", onchange: () => pick(picker.value) });
  const form = h("div.query-form");
  const told = h("span.told");
  const error = h("pre.wrong", { role: "alert" });
  const table = h("div.fill");
  const chart = h("figure");
  const chartForm = h("div.actions.inline");
  const downloads = h("span");
  const runButton = h("button.main", { onclick: () => run() }, "Run (Ctrl-Enter)");
  const stop = h("button", { onclick: () => asked?.abort(), hidden: true }, "Stop");
  const save = h("button", { onclick: keepQuery, disabled: state.read_only }, "Save…");
  fill(
    host,
    h("div.bar", {}, picker, h("div.editor", {}, area, form), h("div.buttons", {}, runButton, stop, save)),
    error,
    h("div.bar", {}, told, downloads, chartForm),
    h("div.sides.right", {}, table, h("aside.chart", {}, chart)),
  );
  completing(area, tables, () => run());

  function drawPicker() {
    const option = (value, text) => h("option", { value, selected: value === (name ? `named:${name}` : "") }, text);
    const group = (label, kind, names) =>
      h("optgroup", { label }, names.map((each) => option(`${kind}:${each}`, each)));
    const own = group("Saved here", "saved", Object.keys(saved));
    fill(picker, option("", "SQL"), own, group("Named queries", "named", named.map((each) => each.name)));
  }

  function pick(value) {
    const [kind, chosen] = value.split(/:(.*)/s);
    name = kind === "named" ? chosen : "";
    if (kind === "saved") area.value = saved[chosen];
    drawForm();
    run();
  }

  function drawForm() {
    const query = named.find((each) => each.name === name);
    area.hidden = Boolean(query);
    save.hidden = Boolean(query);
    if (!query) return fill(form);
    const given = JSON.parse(values.params ?? "{}");
    return fill(
      form,
      h("p", {}, query.summary),
      query.params.map((param) => {
        const value = given[param.name] ?? param.default ?? "";
        const onkeydown = (event) => event.key === "Enter" && run();
        const name = param.unit ? `${param.name} (${param.unit})` : param.name;
        return labelled(name, h("input", { name: param.name, value, onkeydown }), param.about);
      }),
    );
  }

  function params() {
    const given = [...form.querySelectorAll("input")].filter((each) => each.value !== "");
    return Object.fromEntries(given.map((each) => [each.name, each.value]));
  }

  async function run() {
    asked?.abort();
    asked = new AbortController();
    const question = name ? { kind: "named", name, params: params() } : { kind: "sql", sql: area.value };
    keep({ sql: name ? "" : area.value, name, params: name ? JSON.stringify(params()) : "" });
    stop.hidden = false;
    error.textContent = "";
    try {
      listing = await get("listing", question, asked.signal);
      told.textContent = many(listing.n_rows, "row");
      drawTable();
      drawChartForm();
      drawDownloads();
    } catch (wrong) {
      told.textContent = "";
      error.textContent = wrong.name === "AbortError" ? "Stopped." : wrong.message;
    } finally {
      stop.hidden = true;
    }
  }

  function drawTable() {
    grid?.close();
    const names = listing.columns.map((each) => each.name);
    const image = names.indexOf("image_id");
    const open = (row) => go("image", { image: row[image], event: row[names.indexOf("event_id")], roi: row[names.indexOf("roi_id")] });
    openRow = image >= 0 ? open : null;
    grid = new Grid(table, {
      columns: listing.columns.map(({ name: title, type }) => ({
        name: title,
        title,
        width: title.endsWith("_id") && type === "string" ? 220 : 130,
        number: /int|float|double|decimal/.test(type),
      })),
      label: "Answer",
      empty: "No rows.",
      open: openRow ?? undefined,
    });
    grid.show(listing);
  }

  function drawDownloads() {
    const names = listing.columns.map((each) => each.name);
    const events = ["image_id", "roi_id", "channel", "event_id"].every((each) => names.includes(each));
    const review = name ? { name, params: JSON.stringify(params()) } : { sql: area.value };
    const link = h("a", { href: url("review", review) }, "Review these events");
    const file = (format) => address("download", { listing: listing.listing, format });
    fill(
      downloads,
      events && !state.read_only ? [link, " · "] : null,
      "Download ",
      FORMATS.map((format) => [h("a", { href: file(format), download: "" }, format), " "]),
    );
  }

  function drawChartForm() {
    const columns = ["", ...listing.columns.map((each) => each.name)];
    const select = (name, options, value) => {
      const option = (each) => h("option", { value: each, selected: each === value }, each || "(guess)");
      return labelled(name, h("select", { name, onchange: drawChart }, options.map(option)));
    };
    const declared = named.find((each) => each.name === name)?.kind;
    const axes = ["x", "y", "colour"].map((each) => select(each, columns, values[each]));
    fill(chartForm, select("chart", ["none", ...KINDS], values.chart ?? declared ?? "none"), axes);
    drawChart();
  }

  function drawChart() {
    const chosen = Object.fromEntries([...chartForm.querySelectorAll("select")].map((each) => [each.name, each.value]));
    keep({ chart: chosen.chart, x: chosen.x, y: chosen.y, colour: chosen.colour });
    if (chosen.chart === "none") return fill(chart);
    const look = { kind: chosen.chart, x: chosen.x, y: chosen.y, color: chosen.colour };
    // The points of a scatter plot are rows of this listing, which can be opened.
    const of = name && chosen.chart !== "scatter" ? { name, params: params() } : { listing: listing.listing };
    return showChart(chart, { ...of, ...look }, openRow && ((row) => openAt(row)));
  }

  async function openAt(row) {
    openRow((await get("rows", { listing: listing.listing, from: row, to: row + 1 }))[0]);
  }

  async function keepQuery() {
    const chosen = await ask("Name of the query (one word)", { value: "", ok: "Save" });
    if (!chosen) return;
    const body = { name: chosen, sql: area.value };
    const replace = chosen in saved && (await ask(`Replace the query ${chosen}?`, { ok: "Replace" })) !== null;
    if (chosen in saved && !replace) return;
    ({ saved } = await post("queries", { ...body, replace }));
    drawPicker();
    say(`Saved ${chosen}.`);
  }

  bind([{ key: "/", about: "to the SQL", run: () => area.focus() }]);
  drawPicker();
  drawForm();
  if (values.sql || name) await run();
  else area.focus();
  return () => (asked?.abort(), grid?.close());
}
