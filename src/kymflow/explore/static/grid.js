// A table of any number of rows, of which only those in sight exist.

import { get } from "./api.js";
import { h, fill, short } from "./dom.js";

const PAGE = 100;
const KEPT_PAGES = 60;
const TALLEST = 8_000_000; // px; browsers cut off elements beyond about 16 million

/**
 * @typedef {{name: string, title?: string, width?: number, number?: boolean,
 *            show?: (value: any, row: any[]) => any}} Column
 */

export class Grid {
  /**
   * @param {HTMLElement} host
   * @param {{columns: Column[], height?: number, open?: (row: any[], place: number) => void,
   *          sort?: (name: string) => void, select?: (ranges: number[][]) => void,
   *          label: string, empty?: string}} options
   */
  constructor(host, options) {
    this.options = options;
    this.rowHeight = options.height ?? 30;
    this.at = 0;
    this.pages = new Map();
    this.listing = null;
    this.sorted = { name: "", desc: false };
    this.anchor = null;
    /** @type {number[][]} */
    this.ranges = [];
    this.head = h("div.grid-head", { role: "row" });
    this.body = h("div.grid-body");
    this.space = h("div.grid-space", {}, this.body);
    this.scroller = h(
      "div.grid",
      { role: "grid", tabIndex: 0, "aria-label": options.label, onkeydown: (e) => this.key(e) },
      this.head,
      this.space,
    );
    this.scroller.addEventListener("scroll", () => this.draw(), { passive: true });
    this.watch = new ResizeObserver(() => this.draw());
    this.watch.observe(this.scroller);
    fill(host, this.scroller);
  }

  close() {
    this.watch.disconnect();
  }

  /** Show a listing, as the server answers it. */
  show(listing, { at = 0, sorted = this.sorted } = {}) {
    this.listing = listing;
    this.sorted = sorted;
    this.pages.clear();
    this.places = new Map(listing.columns.map((each, place) => [each.name, place]));
    if (listing.first.length) this.pages.set(0, listing.first.slice(0, PAGE));
    this.ranges = [];
    this.drawHead();
    this.go(at);
  }

  value(row, name) {
    return row[this.places.get(name)];
  }

  get height() {
    return Math.max(this.rowHeight, this.scroller.clientHeight - this.head.offsetHeight);
  }

  /** Rows are at scale 1 until the table is taller than a browser can make it. */
  get scale() {
    const whole = this.listing.n_rows * this.rowHeight;
    return whole > TALLEST ? (whole - this.height) / (TALLEST - this.height) : 1;
  }

  /** Bring a row into sight and make it the current one. */
  go(place) {
    this.at = Math.min(Math.max(0, place), Math.max(0, this.listing.n_rows - 1));
    const top = this.at * this.rowHeight;
    const seen = this.scroller.scrollTop * this.scale;
    this.space.style.height = `${Math.min(this.listing.n_rows * this.rowHeight, TALLEST)}px`;
    if (top < seen) this.scroller.scrollTop = top / this.scale;
    else if (top + this.rowHeight > seen + this.height)
      this.scroller.scrollTop = (top + this.rowHeight - this.height) / this.scale;
    this.draw();
  }

  drawHead() {
    const template = this.options.columns.map((c) => `${c.width ?? 110}px`).join(" ");
    this.scroller.style.setProperty("--columns", template);
    const cells = this.options.columns.map((column) => {
      const { name, desc } = this.sorted;
      const mark = name === column.name ? (desc ? " ▾" : " ▴") : "";
      const text = (column.title ?? column.name.replaceAll("_", " ")) + mark;
      const sort = this.options.sort && this.places.has(column.name);
      return h(
        `div.cell${column.number ? ".number" : ""}`,
        { role: "columnheader", "aria-sort": mark ? (desc ? "descending" : "ascending") : undefined },
        sort ? h("button.plain", { onclick: () => this.options.sort(column.name) }, text) : text,
      );
    });
    fill(this.head, cells);
  }

  draw() {
    if (!this.listing || !this.scroller.isConnected) return;
    const seen = this.scroller.scrollTop * this.scale;
    const first = Math.max(0, Math.floor(seen / this.rowHeight) - 4);
    const last = Math.min(this.listing.n_rows, Math.ceil((seen + this.height) / this.rowHeight) + 4);
    const shift = this.scroller.scrollTop - seen;
    const rows = [];
    for (let place = first; place < last; place += 1) rows.push(this.row(place, shift));
    fill(this.body, rows);
    this.scroller.setAttribute("aria-rowcount", this.listing.n_rows);
    if (!this.listing.n_rows) fill(this.body, h("p.empty", {}, this.options.empty ?? "No rows."));
  }

  row(place, shift) {
    const values = this.pages.get(Math.floor(place / PAGE))?.[place % PAGE];
    if (!values) this.fetch(Math.floor(place / PAGE));
    const current = place === this.at ? ".current" : "";
    const chosen = this.isChosen(place) ? ".chosen" : "";
    const node = h(`div.grid-row${current}${chosen}`, {
      role: "row",
      "aria-rowindex": place + 1,
      "aria-selected": chosen ? "true" : undefined,
      onclick: (event) => this.click(event, place),
      ondblclick: () => this.open(place),
    });
    node.style.transform = `translateY(${place * this.rowHeight + shift}px)`;
    node.style.height = `${this.rowHeight}px`;
    if (!values) return node;
    for (const column of this.options.columns) {
      const value = this.value(values, column.name);
      const shown = column.show ? column.show(value, values) : short(value);
      const number = column.number ? ".number" : "";
      node.append(h(`div.cell${number}`, { role: "gridcell", title: typeof shown === "string" ? shown : undefined }, shown));
    }
    return node;
  }

  fetch(page) {
    if (this.pages.has(page)) return;
    this.pages.set(page, null);
    const { listing } = this;
    get("rows", { listing: listing.listing, from: page * PAGE, to: (page + 1) * PAGE }).then(
      (rows) => {
        if (this.listing !== listing) return;
        this.pages.set(page, rows);
        for (const old of this.pages.keys()) {
          if (this.pages.size <= KEPT_PAGES) break;
          if (old !== page) this.pages.delete(old);
        }
        this.draw();
      },
      () => this.pages.delete(page),
    );
  }

  async rowAt(place) {
    const { listing } = this;
    const known = this.pages.get(Math.floor(place / PAGE))?.[place % PAGE];
    return known ?? (await get("rows", { listing: listing.listing, from: place, to: place + 1 }))[0];
  }

  async open(place) {
    if (this.options.open) this.options.open(await this.rowAt(place), place);
  }

  click(event, place) {
    if (event.target.closest("a, button")) return;
    const { select } = this.options;
    if (select && event.shiftKey) this.choose([[Math.min(this.at, place), Math.max(this.at, place) + 1]], true);
    else if (select && (event.ctrlKey || event.metaKey)) this.toggle(place);
    else if (!select && this.at === place) return this.open(place);
    this.at = place;
    this.draw();
  }

  isChosen(place) {
    return this.ranges.some(([from, to]) => place >= from && place < to);
  }

  toggle(place) {
    if (!this.isChosen(place)) return this.choose([[place, place + 1]]);
    this.ranges = this.ranges.flatMap(([from, to]) =>
      place >= from && place < to
        ? [[from, place], [place + 1, to]].filter(([a, b]) => a < b)
        : [[from, to]],
    );
    this.options.select(this.ranges);
    this.draw();
  }

  choose(ranges, only = false) {
    this.ranges = only ? ranges : [...this.ranges, ...ranges];
    this.options.select?.(this.ranges);
    this.draw();
  }

  key(event) {
    if (!this.listing || event.target !== this.scroller) return;
    const page = Math.max(1, Math.floor(this.height / this.rowHeight) - 1);
    const steps = { ArrowDown: 1, ArrowUp: -1, PageDown: page, PageUp: -page, Home: -Infinity, End: Infinity };
    const { select } = this.options;
    if (event.key in steps) {
      const before = this.at;
      const end = this.listing.n_rows - 1;
      this.go(Math.min(Math.max(0, this.at + steps[event.key]), end));
      if (select && event.shiftKey) {
        this.anchor ??= before;
        this.choose([[Math.min(this.anchor, this.at), Math.max(this.anchor, this.at) + 1]], true);
      } else this.anchor = null;
    } else if (event.key === "Enter") this.open(this.at);
    else if (event.key === " " && select) this.toggle(this.at);
    else if (event.key === "a" && (event.ctrlKey || event.metaKey) && select)
      this.choose([[0, this.listing.n_rows]], true);
    else if (event.key === "Escape" && select) this.choose([], true);
    else return;
    event.preventDefault();
    event.stopPropagation();
  }
}
