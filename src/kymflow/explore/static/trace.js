// The velocity panel: a trace over time, its axis, its events.

export const CLEAR = 0.45; // opacity of candidates, which don't count

/** The range of the usual velocities: wild samples must not squash all others. */
export function usualRange(traces) {
  const all = traces.flatMap((trace) => trace.velocity.filter((v) => v !== null));
  if (!all.length) return [-1, 1];
  const sorted = Float64Array.from(all).sort();
  const at = (share) => sorted[Math.floor(share * (sorted.length - 1))];
  const spread = 5 * (at(0.75) - at(0.25)) || 1;
  const low = Math.max(sorted[0], at(0.25) - spread);
  const high = Math.min(sorted[sorted.length - 1], at(0.75) + spread);
  const margin = 0.08 * (high - low || 1);
  return [Math.min(low, 0) - margin, Math.max(high, 0) + margin];
}

/** First place in sorted times that is not before a time. */
export function placeOf(times, time) {
  let low = 0;
  let high = times.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (times[middle] < time) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Draw a trace; where a column of the canvas holds many samples, its lowest and highest. */
export function drawTrace(context, trace, view, box, range, colour, clear = 1) {
  const { time, velocity } = trace;
  const first = Math.max(0, placeOf(time, view.start) - 1);
  const last = Math.min(time.length, placeOf(time, view.end) + 1);
  const perS = box.width / (view.end - view.start);
  const y = (value) => box.y + box.height * (1 - (Math.min(Math.max(value, range[0]), range[1]) - range[0]) / (range[1] - range[0]));
  context.beginPath();
  context.strokeStyle = colour;
  context.lineWidth = 1.2;
  context.globalAlpha = clear;
  let down = false;
  let column = -1;
  let low = 0;
  let high = 0;
  const flush = () => {
    if (column < 0) return;
    if (down) context.lineTo(column, low);
    else context.moveTo(column, low);
    if (high !== low) context.lineTo(column, high);
    down = true;
    column = -1;
  };
  for (let n = first; n < last; n += 1) {
    const value = velocity[n];
    if (value === null) {
      flush();
      down = false;
      continue;
    }
    const x = Math.round(2 * (box.x + (time[n] - view.start) * perS)) / 2;
    const at = y(value);
    if (x !== column) {
      flush();
      column = x;
      low = high = at;
    } else {
      low = Math.max(low, at);
      high = Math.min(high, at);
    }
  }
  flush();
  context.stroke();
  context.globalAlpha = 1;
}

/** Round steps for an axis: 1, 2 or 5 times a power of ten. */
export function ticks(from, to, about) {
  const rough = (to - from) / about;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((n) => n * power).find((n) => n >= rough);
  const found = [];
  for (let n = Math.ceil(from / step); n * step <= to; n += 1) found.push(n * step);
  return { step, values: found };
}

export function tickText(value, step) {
  const digits = Math.max(0, -Math.floor(Math.log10(step) + 1e-9));
  return value.toFixed(Math.min(digits, 6));
}

/** When an event is drawn: from its start to its end, its peak, or a point. */
export function spanOf(event) {
  const start = event.t_start_s;
  if (start === null) return null;
  return [start, event.t_end_s ?? event.peak_t_s ?? start];
}

export function isCandidate(event) {
  return event.candidate === true && (event.user_type ?? "unreviewed") === "unreviewed";
}

/** Each type has a shape as well as a colour. */
export function drawMark(context, type, x, y, size) {
  context.beginPath();
  if (type === "baseline_drop") {
    context.moveTo(x - size, y - size);
    context.lineTo(x + size, y - size);
    context.lineTo(x, y + size);
  } else if (type === "baseline_rise") {
    context.moveTo(x - size, y + size);
    context.lineTo(x + size, y + size);
    context.lineTo(x, y - size);
  } else if (type === "nan_gap") {
    context.rect(x - size, y - size, 2 * size, 2 * size);
  } else if (type === "zero_gap") {
    context.arc(x, y, size, 0, 2 * Math.PI);
  } else {
    context.moveTo(x, y - size);
    context.lineTo(x + size, y);
    context.lineTo(x, y + size);
    context.lineTo(x - size, y);
  }
  context.closePath();
  context.fill();
}
