// An image: kymograph above, velocity below, on one time axis that wheel and drag move.

import { get } from "./api.js";
import { fill, h, say } from "./dom.js";
import { LEFT, Panels, RIGHT } from "./panels.js";
import { Raster } from "./raster.js";
import { spanOf, usualRange } from "./trace.js";

const EDGE = 6; // px around an event's edge that take hold of it

/** The keys that move a viewer. @param {Viewer} viewer */
export const movingKeys = (viewer) => [
  { key: "+", about: "zoom in", run: () => viewer.zoom(0.6) },
  { key: "-", about: "zoom out", run: () => viewer.zoom(1 / 0.6) },
  { key: "Shift+ArrowRight", about: "later", run: () => viewer.pan(0.3) },
  { key: "Shift+ArrowLeft", about: "earlier", run: () => viewer.pan(-0.3) },
  { key: "0", about: "the whole image", run: () => viewer.move(0, viewer.until) },
];

/** Fetch all that a viewer shows of an image. */
export async function fetchImage(image, queue) {
  const [told, { traces }] = await Promise.all([
    get("image", { image, queue }),
    get("trace", { image, queue }),
  ]);
  const overview = told.shape ? await Raster.fetchOverview(image, queue).catch(() => null) : null;
  return { ...told, traces, overview };
}

export class Viewer extends Panels {
  /**
   * @param {HTMLElement} host
   * @param {{colours: Record<string, string>, select?: (event: any) => void,
   *   edit?: (event: any, times: {start?: number, end?: number}) => void,
   *   add?: (place: {start: number, end: number, roi_id: number, channel: number}) => void,
   *   moved?: (view: {start: number, end: number}) => void}} options
   */
  constructor(host, options) {
    super(options.colours);
    this.options = options;
    this.adding = false;
    this.contrast = h("div.contrast");
    this.note = h("div.viewer-note");
    fill(host, h("div.viewer", {}, this.kymograph, this.panel), h("div.viewer-foot", {}, this.contrast, this.note));
    this.watch = new ResizeObserver(() => this.plan());
    this.watch.observe(this.panel);
    for (const canvas of [this.kymograph, this.panel]) this.listen(canvas);
    this.dark = matchMedia("(prefers-color-scheme: dark)");
    this.dark.addEventListener("change", () => this.plan());
  }

  refined(stretched) {
    if (stretched) this.drawContrast();
    this.plan();
  }

  close() {
    this.watch.disconnect();
    this.image = null;
  }

  /** @param {any} image  As of fetchImage. @param {{start: number, end: number}} [view] */
  show(image, view) {
    this.image = image;
    this.seconds = image.seconds_per_line ?? 1;
    const last = Math.max(0, ...image.traces.map((t) => t.time[t.time.length - 1] ?? 0));
    this.until = image.shape ? image.shape[0] * this.seconds : last || 1;
    this.range = usualRange(image.traces);
    this.raster.show(image, image.overview);
    this.drawContrast();
    const { events } = image;
    this.selected = events.includes(this.selected) ? this.selected : null;
    this.move(view?.start ?? 0, view?.end ?? this.until, false);
    const unscaled = image.shape && !image.seconds_per_line;
    this.note.textContent = unscaled ? "The time of a line is not known: time is in lines." : "";
  }

  /** Show the time from start to end. */
  move(start, end, tell = true) {
    const least = Math.min(this.until, 8 * Math.min(this.seconds, this.until / 50));
    const length = Math.min(Math.max(end - start, least), this.until);
    const from = Math.min(Math.max(0, start), this.until - length);
    this.view = { start: from, end: from + length };
    if (tell) this.options.moved?.(this.view);
    this.plan();
  }

  zoom(factor, around = (this.view.start + this.view.end) / 2) {
    const { start, end } = this.view;
    this.move(around - (around - start) * factor, around + (end - around) * factor);
  }

  pan(share) {
    const by = share * (this.view.end - this.view.start);
    this.move(this.view.start + by, this.view.end + by);
  }

  /** Zoom to an event, with as much around it. */
  focus(event) {
    const span = spanOf(event);
    if (!span) return this.move(0, this.until);
    const around = Math.max(1.5 * (span[1] - span[0]), Math.min(1.5, this.until / 4));
    return this.move(span[0] - around, span[1] + around);
  }

  select(event) {
    this.selected = event;
    this.plan();
  }

  plan() {
    if (this.planned) return;
    this.planned = true;
    requestAnimationFrame(() => {
      this.planned = false;
      if (this.image && this.panel.isConnected) this.draw();
    });
  }

  drawContrast() {
    const { overview } = this.image;
    if (!overview) return fill(this.contrast);
    const canvas = h("canvas", { width: 128, height: 26, role: "img", "aria-label": "Histogram of the pixels" });
    const context = canvas.getContext("2d");
    context.fillStyle = "#888";
    const { bins } = this.raster.detail ?? overview;
    const most = Math.log1p(Math.max(...bins));
    bins.forEach((n, place) => {
      const tall = (Math.log1p(n) / most) * 26;
      context.fillRect(place, 26 - tall, 1, tall);
    });
    const slider = (name, value) =>
      h("input", { type: "range", min: 0, max: 65535, value, "aria-label": name, title: name, oninput: change });
    const change = () => this.raster.setContrast(Number(low.value), Number(high.value));
    const low = slider("Darkest", this.raster.low);
    const high = slider("Brightest", this.raster.high);
    return fill(this.contrast, "Contrast", h("div.histogram", {}, canvas, low, high));
  }

  // What hands do

  listen(canvas) {
    canvas.addEventListener("wheel", (event) => this.wheel(event), { passive: false });
    canvas.addEventListener("pointerdown", (event) => this.press(event, canvas));
    canvas.addEventListener("pointermove", (event) => this.drag ? this.pull(event) : this.hover(event, canvas));
    canvas.addEventListener("pointerup", (event) => this.release(event));
    canvas.addEventListener("pointercancel", () => this.cancel());
  }

  wheel(event) {
    event.preventDefault();
    if (!this.image) return;
    const sideways = event.shiftKey ? event.deltaY : event.deltaX;
    if (Math.abs(sideways) > Math.abs(event.shiftKey ? 0 : event.deltaY)) this.pan(sideways / 800);
    else this.zoom(Math.exp(event.deltaY * 0.0015), this.timeAt(event.offsetX));
  }

  /** The edge of the selected event that is under the pointer: 0, 1 or null. */
  edgeAt(x) {
    const span = this.selected && this.options.edit ? spanOf(this.selected) : null;
    if (!span || this.selected.rejected) return null;
    const ends = this.selected.t_end_s === null ? [span[0]] : span;
    const near = ends.findIndex((time) => Math.abs(this.x(time) - x) <= EDGE);
    return near < 0 ? null : near;
  }

  hover(event, canvas) {
    if (!this.image) return;
    const edge = canvas === this.panel && this.edgeAt(event.offsetX) !== null;
    canvas.style.cursor = edge ? "ew-resize" : this.adding ? "crosshair" : "grab";
  }

  press(event, canvas) {
    if (!this.image || event.button) return;
    canvas.setPointerCapture(event.pointerId);
    const x = event.offsetX;
    const time = this.timeAt(x);
    const edge = canvas === this.panel ? this.edgeAt(x) : null;
    if (edge !== null) this.drag = { kind: "edge", edge, event: this.selected, span: [...spanOf(this.selected)] };
    else if (this.options.add && (this.adding || event.altKey)) this.drag = { kind: "add", from: time, to: time, origin: time };
    else this.drag = { kind: "pan", x, view: this.view, moved: false };
  }

  pull(event) {
    const { drag } = this;
    const time = Math.min(Math.max(0, this.timeAt(event.offsetX)), this.until);
    if (drag.kind === "pan") {
      const by = ((drag.x - event.offsetX) / (this.panel.clientWidth - LEFT - RIGHT)) * (drag.view.end - drag.view.start);
      drag.moved ||= Math.abs(drag.x - event.offsetX) > 3;
      if (drag.moved) this.move(drag.view.start + by, drag.view.end + by);
    } else if (drag.kind === "edge") {
      drag.span[drag.edge] = drag.edge ? Math.max(time, drag.span[0]) : Math.min(time, drag.span[1]);
      drag.moved = true;
    } else {
      drag.from = Math.min(drag.origin, time);
      drag.to = Math.max(drag.origin, time);
    }
    this.plan();
  }

  release(event) {
    const { drag } = this;
    this.drag = null;
    if (!drag) return;
    if (drag.kind === "pan" && !drag.moved) this.pick(this.timeAt(event.offsetX));
    if (drag.kind === "edge" && drag.moved)
      this.options.edit(drag.event, drag.edge ? { end: drag.span[1] } : { start: drag.span[0] });
    if (drag.kind === "add") this.addDrawn(drag);
    this.plan();
  }

  cancel() {
    this.drag = null;
    this.plan();
  }

  addDrawn({ from, to }) {
    this.adding = false;
    if (this.x(to) - this.x(from) < 3) return say("Drag from where the event starts to where it ends.");
    const { roi_id = 1, channel = 1 } = this.image.traces[0] ?? {};
    return this.options.add({ start: from, end: to, roi_id, channel });
  }

  /** Select the event at a time: of several the shortest. */
  pick(time) {
    const slack = (5 / this.panel.clientWidth) * (this.view.end - this.view.start);
    const hit = this.image.events
      .filter((event) => {
        const span = spanOf(event);
        const peak = event.peak_t_s ?? Infinity;
        return span && ((time >= span[0] - slack && time <= span[1] + slack) || Math.abs(time - peak) <= slack);
      })
      .sort((a, b) => spanOf(a)[1] - spanOf(a)[0] - (spanOf(b)[1] - spanOf(b)[0]))[0];
    this.select(hit ?? null);
    this.options.select?.(hit ?? null);
  }
}
