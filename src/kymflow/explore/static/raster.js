// Pixels of an image as a picture: 16-bit numbers through a contrast to grey, kept for redrawing.

import { getPixels } from "./api.js";
import { debounce } from "./dom.js";

const OVERVIEW = 2048;
const BINS = 128;

export class Raster {
  /** @param {(stretched?: boolean) => void} changed  Called when there is more to draw. */
  constructor(changed) {
    this.changed = changed;
    this.low = 0;
    this.high = 65535;
    this.overview = null;
    this.detail = null;
    this.look = debounce(90, (view) => this.fetchDetail(view));
  }

  /**
   * @param {{image: string, queue: string | null, shape: number[] | null, channel?: number}} of
   * @param {any} overview  As it was prefetched.
   */
  show(of, overview) {
    this.abort?.abort();
    this.of = of;
    this.detail = null;
    this.overview = overview;
    this.chosen = false;
    if (overview) this.stretch(overview);
  }

  /** Stretch the contrast to what is shown, until somebody chooses one. */
  stretch(part) {
    if (!part.limits) {
      part.bins = histogram(part.data);
      part.limits = limits(part.bins);
    }
    if (!this.chosen) [this.low, this.high] = part.limits;
    this.paint();
  }

  static fetchOverview(image, queue, channel = 1) {
    return getPixels({ image, queue, channel, columns: OVERVIEW });
  }

  setContrast(low, high) {
    this.chosen = true;
    this.low = low;
    this.high = Math.max(high, low + 1);
    this.paint();
    this.changed();
  }

  paint() {
    for (const part of [this.overview, this.detail]) if (part) part.canvas = painted(part, this.low, this.high);
  }

  /** Ask for the lines in view, if they are finer than what is there. */
  want(view, width) {
    const { overview } = this;
    if (!overview) return;
    const lines = view.to - view.from;
    const perColumn = (overview.to - overview.from) / overview.columns;
    if (perColumn <= 1 || lines / width >= perColumn) return;
    const { detail } = this;
    const fine = detail && (detail.to - detail.from) / detail.columns <= Math.max(1, (1.5 * lines) / width);
    if (fine && detail.from <= view.from && detail.to >= view.to) return;
    this.look(view);
  }

  async fetchDetail(view) {
    this.abort?.abort();
    this.abort = new AbortController();
    const { of } = this;
    const lines = view.to - view.from;
    const values = {
      image: of.image,
      queue: of.queue,
      channel: of.channel ?? 1,
      from: Math.max(0, Math.floor(view.from - lines / 2)),
      to: Math.min(of.shape[0], Math.ceil(view.to + lines / 2)),
      columns: OVERVIEW,
    };
    try {
      const detail = await getPixels(values, this.abort.signal);
      if (this.of !== of) return;
      this.detail = detail;
      this.stretch(detail);
      this.changed(true);
    } catch {
      // The overview stands in; the next move asks again.
    }
  }

  /** Draw the lines from one to another over a box. */
  draw(context, from, to, x, y, width, height) {
    for (const part of [this.overview, this.detail]) {
      if (!part) continue;
      const first = Math.max(from, part.from);
      const last = Math.min(to, part.to);
      if (last <= first) continue;
      const perLine = part.columns / (part.to - part.from);
      const left = x + ((first - from) / (to - from)) * width;
      const wide = ((last - first) / (to - from)) * width;
      // Pixels stay sharp when they are enlarged; when they are shrunk, none is passed over.
      context.imageSmoothingEnabled = (last - first) * perLine > wide;
      context.drawImage(part.canvas, (first - part.from) * perLine, 0, (last - first) * perLine, part.rows, left, y, wide, height);
    }
  }
}

function painted({ data, columns, rows, canvas }, low, high) {
  const made = canvas ?? new OffscreenCanvas(columns, rows);
  const context = made.getContext("2d");
  const image = context.createImageData(columns, rows);
  const grey = new Uint32Array(image.data.buffer);
  const per = 255 / (high - low);
  for (let n = 0; n < data.length; n += 1) {
    const value = (data[n] - low) * per;
    const level = value < 0 ? 0 : value > 255 ? 255 : value | 0;
    grey[n] = 0xff000000 | (level << 16) | (level << 8) | level;
  }
  context.putImageData(image, 0, 0);
  return made;
}

function histogram(data) {
  const bins = new Float64Array(BINS);
  for (let n = 0; n < data.length; n += 1) bins[(data[n] * BINS) >> 16] += 1;
  return bins;
}

/** The half percent at either end is cut off, as in `kymflow show`. */
function limits(bins) {
  const whole = bins.reduce((sum, n) => sum + n, 0);
  let low = 0;
  let high = BINS - 1;
  for (let sum = bins[low]; sum < 0.005 * whole && low < BINS - 1; sum += bins[low]) low += 1;
  for (let sum = bins[high]; sum < 0.005 * whole && high > low; sum += bins[high]) high -= 1;
  const size = 65536 / BINS;
  return [low * size, (high + 1) * size];
}
