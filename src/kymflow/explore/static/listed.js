// What images and events share as lists: a condition, an order, and the rows in sight.

import { get } from "./api.js";
import { conditionField, h, many } from "./dom.js";
import { Grid } from "./grid.js";
import { keep } from "./router.js";

export class Listed {
  /**
   * @param {"images" | "events"} kind
   * @param {Record<string, string>} values  The state in the address.
   * @param {string} example  Of a condition.
   * @param {(signal: AbortSignal) => any} shown  Called when another listing is shown.
   */
  constructor(kind, values, example, shown) {
    this.kind = kind;
    this.state = { where: values.where ?? "", sort: values.sort ?? "", desc: values.desc ?? "" };
    this.shown = shown;
    this.condition = conditionField(this.state.where, example, `SQL condition on the ${kind}`);
    this.told = h("span.told");
    this.error = h("p.wrong", { role: "alert" });
    this.rows = h("div.fill");
    this.bar = h(
      "form.bar",
      { onsubmit: (event) => (event.preventDefault(), this.choose(this.condition.value)) },
      h("label", {}, "Where ", this.condition),
      h("button", {}, "Show"),
      this.told,
    );
  }

  /** Show the list, with the options of its grid. @param {Record<string, any>} options */
  begin(options) {
    const empty = `No ${this.kind.slice(0, -1)} matches.`;
    const label = this.kind[0].toUpperCase() + this.kind.slice(1);
    const more = { columns: [], label, empty, sort: (name) => this.sort(name) };
    this.grid = new Grid(this.rows, { ...more, ...options });
    return this.load();
  }

  close() {
    this.asked?.abort();
    this.grid?.close();
  }

  choose(text) {
    this.state.where = text.trim();
    this.condition.value = this.state.where;
    return this.load();
  }

  sort(name) {
    this.state.desc = this.state.sort === name && !this.state.desc ? "1" : "";
    this.state.sort = name;
    return this.load();
  }

  async load() {
    this.asked?.abort();
    this.asked = new AbortController();
    const { signal } = this.asked;
    keep(this.state);
    try {
      const listing = await get("listing", { kind: this.kind, ...this.state }, signal);
      this.error.textContent = "";
      this.told.textContent = many(listing.n_rows, this.kind.slice(0, -1));
      this.grid.show(listing, { sorted: { name: this.state.sort, desc: Boolean(this.state.desc) } });
      await this.shown(signal);
    } catch (wrong) {
      if (wrong.name === "AbortError") return;
      if (wrong.code === "table-not-found") throw wrong;
      this.error.textContent = wrong.message;
    }
  }
}
