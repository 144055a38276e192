// The two panels of an image: the kymograph above, the velocity with its events below.

import { h } from "./dom.js";
import { Raster } from "./raster.js";
import { CLEAR, drawMark, drawTrace, isCandidate, spanOf, tickText, ticks } from "./trace.js";

export const LEFT = 58; // room for the axes
export const RIGHT = 12;
const PAD = 22; // room above the trace for marks
const SLOPE = { every: 50, length: 40, least: 1.5 };

/** Draws an image as it is in view; what is in view, and what is selected, is for others to say. */
export class Panels {
  /** @param {Record<string, string>} colours  Of the types of events. */
  constructor(colours) {
    this.colours = colours;
    this.kymograph = h("canvas.kymograph", { role: "img", "aria-label": "Kymograph" });
    this.panel = h("canvas.velocity", { role: "img", "aria-label": "Velocity and events" });
    this.raster = new Raster((stretched) => this.refined(stretched));
    /** As of fetchImage. @type {any} */
    this.image = null;
    this.view = { start: 0, end: 1 };
    this.range = [-1, 1];
    this.seconds = 1;
    /** The selected event. @type {any} */
    this.selected = null;
    /** What the pointer drags. @type {any} */
    this.drag = null;
  }

  /** Called when there are finer pixels to draw. @param {boolean} [stretched] */
  refined(stretched) {}

  draw() {
    const style = getComputedStyle(this.panel);
    const colour = (name) => style.getPropertyValue(`--${name}`).trim();
    const [text, faint, line, trace, selected] = ["ink", "faint", "line", "trace", "selected"].map(colour);
    this.ink = { text, faint, line, trace, selected };
    this.drawKymograph();
    this.drawPanel();
    this.panel.dataset.drawn = String(Number(this.panel.dataset.drawn ?? 0) + 1);
  }

  begin(canvas) {
    const scale = devicePixelRatio || 1;
    const { clientWidth: width, clientHeight: height } = canvas;
    if (canvas.width !== Math.round(width * scale)) canvas.width = Math.round(width * scale);
    if (canvas.height !== Math.round(height * scale)) canvas.height = Math.round(height * scale);
    const context = canvas.getContext("2d");
    context.setTransform(scale, 0, 0, scale, 0, 0);
    context.clearRect(0, 0, width, height);
    context.font = "12px system-ui, sans-serif";
    return { context, width, height };
  }

  x(time) {
    return LEFT + ((time - this.view.start) / (this.view.end - this.view.start)) * (this.panel.clientWidth - LEFT - RIGHT);
  }

  timeAt(x) {
    return this.view.start + ((x - LEFT) / (this.panel.clientWidth - LEFT - RIGHT)) * (this.view.end - this.view.start);
  }

  drawKymograph() {
    const { context, width, height } = this.begin(this.kymograph);
    const box = { x: LEFT, y: 4, width: width - LEFT - RIGHT, height: height - 8 };
    const { shape, um_per_pixel: um } = this.image;
    if (!shape) {
      context.fillStyle = this.ink.faint;
      context.fillText("This image has no pixels.", LEFT + 8, height / 2);
      return;
    }
    const from = this.view.start / this.seconds;
    const to = this.view.end / this.seconds;
    this.raster.draw(context, from, to, box.x, box.y, box.width, box.height);
    this.raster.want({ from, to }, box.width * (devicePixelRatio || 1));
    context.fillStyle = this.ink.text;
    context.textAlign = "right";
    const depth = shape[1] * (um ?? 1);
    const { values, step } = ticks(0, depth, 3);
    for (const value of values) context.fillText(tickText(value, step), LEFT - 6, box.y + 10 + (value / depth) * (box.height - 10));
    this.axisName(context, um ? "µm" : "pixel", height);
    this.clip(context, box, () => {
      this.drawRois(context, box, depth);
      if (um && this.image.seconds_per_line) this.drawSlopes(context, box, depth);
    });
  }

  axisName(context, text, height) {
    context.save();
    context.translate(12, height / 2);
    context.rotate(-Math.PI / 2);
    context.textAlign = "center";
    context.fillStyle = this.ink.faint;
    context.fillText(text, 0, 0);
    context.restore();
  }

  clip(context, box, draw) {
    context.save();
    context.beginPath();
    context.rect(box.x, box.y, box.width, box.height);
    context.clip();
    draw();
    context.restore();
  }

  boundsOf(roi) {
    const { shape } = this.image;
    const numbers = ["x0", "x1", "y0", "y1"].map((name) => roi?.[name]);
    return numbers.every(Number.isFinite) ? numbers : [0, shape[1], 0, shape[0]];
  }

  drawRois(context, box, depth) {
    const { shape, um_per_pixel: um } = this.image;
    context.lineWidth = 1.5;
    context.strokeStyle = "#FFE45C";
    context.setLineDash([6, 4]);
    for (const roi of this.image.rois) {
      const [x0, x1, y0, y1] = this.boundsOf(roi);
      if (x0 <= 0 && y0 <= 0 && x1 >= shape[1] && y1 >= shape[0]) continue;
      const top = box.y + ((x0 * (um ?? 1)) / depth) * box.height;
      const bottom = box.y + ((x1 * (um ?? 1)) / depth) * box.height;
      const left = this.x(y0 * this.seconds);
      context.strokeRect(left, top, this.x(y1 * this.seconds) - left, bottom - top);
      context.fillStyle = "#FFE45C";
      context.textAlign = "left";
      context.fillText(`ROI ${roi.roi_id}`, Math.max(left, LEFT) + 5, top + 14);
    }
    context.setLineDash([]);
  }

  /** Short segments of the measured slopes, where they are not too steep to be told apart. */
  drawSlopes(context, box, depth) {
    const perS = box.width / (this.view.end - this.view.start);
    const perUm = box.height / depth;
    const um = this.image.um_per_pixel;
    const segments = [];
    for (const trace of this.image.traces) {
      if (trace.channel !== this.image.traces[0].channel) continue;
      const roi = this.image.rois.find((each) => each.roi_id === trace.roi_id);
      const [x0, x1] = this.boundsOf(roi);
      const middle = (((x0 + x1) / 2) * um) / depth;
      let next = -Infinity;
      for (let n = 0; n < trace.time.length; n += 1) {
        const x = this.x(trace.time[n]);
        if (x < next || x < box.x || x > box.x + box.width || trace.velocity[n] === null) continue;
        next = x + SLOPE.every;
        const rise = trace.velocity[n] * 1000 * perUm; // px per s
        const longest = SLOPE.length / Math.hypot(perS, rise);
        const crossing = rise ? (0.8 * (x1 - x0) * um * perUm) / Math.abs(rise) : longest;
        const half = Math.min(longest, crossing) / 2;
        segments.push([x, box.y + middle * box.height, half * perS, half * rise]);
      }
    }
    const runs = segments.map(([, , run]) => 2 * run).sort((a, b) => a - b);
    if (!runs.length || runs[runs.length >> 1] < SLOPE.least) return;
    for (const [colour, wide] of [["#000", 4], ["#3DDCFF", 2]]) {
      context.beginPath();
      context.strokeStyle = colour;
      context.lineWidth = wide;
      for (const [x, y, run, rise] of segments) {
        context.moveTo(x - run, y - rise);
        context.lineTo(x + run, y + rise);
      }
      context.stroke();
    }
  }

  drawPanel() {
    const { context, width, height } = this.begin(this.panel);
    const box = { x: LEFT, y: PAD, width: width - LEFT - RIGHT, height: height - PAD - 24 };
    this.box = box;
    const y = (value) => box.y + box.height * (1 - (value - this.range[0]) / (this.range[1] - this.range[0]));
    context.textAlign = "right";
    const across = ticks(...this.range, 4);
    for (const value of across.values) {
      context.strokeStyle = this.ink.line;
      context.lineWidth = value === 0 ? 1.4 : 0.6;
      context.beginPath();
      context.moveTo(box.x, y(value));
      context.lineTo(box.x + box.width, y(value));
      context.stroke();
      context.fillStyle = this.ink.text;
      context.fillText(tickText(value, across.step), LEFT - 6, y(value) + 4);
    }
    this.axisName(context, "mm/s", height);
    context.textAlign = "center";
    const along = ticks(this.view.start, this.view.end, Math.max(2, box.width / 110));
    for (const time of along.values.filter((each) => this.x(each) < width - 34))
      context.fillText(tickText(time, along.step), this.x(time), height - 10);
    context.textAlign = "right";
    context.fillStyle = this.ink.faint;
    context.fillText(this.unit, width - 2, height - 10);
    this.clip(context, { ...box, y: 0, height: box.y + box.height }, () => this.drawEvents(context, box));
    this.clip(context, box, () => {
      // That of the selected event stands out; it is drawn last, above the others.
      const own = (trace) => this.isOwn(trace);
      for (const trace of this.image.traces.filter((each) => !own(each)))
        drawTrace(context, trace, this.view, box, this.range, this.ink.faint, 0.35);
      this.image.traces.filter(own).forEach((trace, place) => {
        const colour = place ? `hsl(${(210 + 70 * place) % 360} 60% 50%)` : this.ink.trace;
        drawTrace(context, trace, this.view, box, this.range, colour);
      });
    });
    if (this.drag?.kind === "add") this.shade(context, box, this.drag.from, this.drag.to, this.ink.selected);
    if (!this.image.traces.length) {
      context.textAlign = "left";
      context.fillText("No velocity was measured: run `kymflow velocity`.", LEFT + 8, box.y + 20);
    }
  }

  /** Whether a trace, or an event, is of the ROI and channel of the selected event. */
  isOwn(each) {
    const { selected } = this;
    return !selected || (each.roi_id === selected.roi_id && each.channel === selected.channel);
  }

  shade(context, box, from, to, colour) {
    context.globalAlpha = 0.25;
    context.fillStyle = colour;
    context.fillRect(this.x(from), box.y, Math.max(2, this.x(to) - this.x(from)), box.height);
    context.globalAlpha = 1;
  }

  drawEvents(context, box) {
    const { colours } = this;
    for (const event of this.image.events) {
      const span = this.drag?.kind === "edge" && this.drag.event === event ? this.drag.span : spanOf(event);
      if (!span || span[1] < this.view.start || span[0] > this.view.end) continue;
      const left = this.x(span[0]);
      const wide = Math.max(2, this.x(span[1]) - left);
      const colour = colours[event.event_type] ?? colours[""];
      const clear = (event.rejected ? 0.25 : isCandidate(event) ? CLEAR : 1) * (this.isOwn(event) ? 1 : 0.4);
      context.fillStyle = colour;
      context.globalAlpha = (event.t_end_s === null ? 0.1 : 0.25) * clear;
      context.fillRect(left, box.y, wide, box.height);
      context.globalAlpha = clear;
      context.fillRect(left, box.y, wide, 4);
      const peak = this.x(event.peak_t_s ?? (span[0] + span[1]) / 2);
      drawMark(context, event.event_type, peak, 11, 5);
      if (event.rejected) {
        context.strokeStyle = this.ink.text;
        context.lineWidth = 1.5;
        context.globalAlpha = 1;
        context.beginPath();
        context.moveTo(peak - 7, 17);
        context.lineTo(peak + 7, 5);
        context.stroke();
      }
      context.globalAlpha = 1;
      if (event === this.selected) {
        context.strokeStyle = this.ink.selected;
        context.lineWidth = 2;
        context.strokeRect(left - 1, box.y - 1, wide + 2, box.height + 2);
      }
    }
  }

  get unit() {
    return this.image.seconds_per_line || !this.image.shape ? "s" : "lines";
  }
}
