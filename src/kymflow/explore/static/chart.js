// A chart as the server draws it; of a scatter plot, the points know their rows.

import { address } from "./api.js";
import { fill, h } from "./dom.js";

const REACH = 10; // px around a point that count as on it

/**
 * Show a chart.
 * @param {HTMLElement} host
 * @param {Record<string, any>} asked  As the server is asked for it.
 * @param {((row: number) => void) | null} open  Called with the row of a point that is clicked.
 */
export async function showChart(host, asked, open) {
  const answer = await fetch(address("chart", asked));
  if (!answer.ok) {
    const { message } = await answer.json();
    return fill(host, h("p.wrong", { role: "alert" }, message));
  }
  const text = await answer.text();
  const source = URL.createObjectURL(new Blob([text], { type: "image/svg+xml" }));
  const picture = h("img", { alt: `Chart of the answer (${asked.kind})`, src: source });
  picture.addEventListener("load", () => URL.revokeObjectURL(source), { once: true });
  const { points, width } = pointsOf(text);
  if (open && points.length) {
    const under = (event) => nearest(points, event, width / picture.clientWidth);
    picture.addEventListener("mousemove", (event) => {
      picture.style.cursor = under(event) ? "pointer" : "";
    });
    picture.addEventListener("click", (event) => {
      const point = under(event);
      if (point) open(point.row);
    });
    picture.title = "A click on a point opens its image";
  }
  return fill(host, picture);
}

/** The points of a chart, with their places. The picture is only read, never made part of the page. */
function pointsOf(text) {
  const svg = new DOMParser().parseFromString(text, "image/svg+xml").documentElement;
  const marks = [...svg.querySelectorAll(".mark-symbol.role-mark path[aria-label]")];
  const points = marks
    .filter((mark) => /^[0-9]+$/.test(mark.getAttribute("aria-label")))
    .map((mark) => ({ row: Number(mark.getAttribute("aria-label")), ...placeOf(mark) }));
  return { points, width: Number(svg.getAttribute("width")) };
}

/** Where a mark is: the sum of all shifts above it. @param {Element | null} node */
function placeOf(node) {
  const place = { x: 0, y: 0 };
  for (let each = node; each; each = each.parentElement) {
    const shift = /translate\(([-\d.e]+)[, ]([-\d.e]+)\)/.exec(each.getAttribute("transform") ?? "");
    if (shift) {
      place.x += Number(shift[1]);
      place.y += Number(shift[2]);
    }
  }
  return place;
}

function nearest(points, event, scale) {
  const [x, y] = [event.offsetX * scale, event.offsetY * scale];
  let found = null;
  let least = REACH * scale;
  for (const point of points) {
    const distance = Math.hypot(point.x - x, point.y - y);
    if (distance <= least) [found, least] = [point, distance];
  }
  return found;
}
