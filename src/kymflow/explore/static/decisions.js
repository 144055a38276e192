// Decisions on events, sent one after another: each is on disk before the next is sent.

import { post } from "./api.js";
import { ask, many, say } from "./dom.js";

const SEEN = ["user_type", "note", "rejected", "t_start_s", "peak_t_s", "t_end_s"];

/** @type {Promise<any>} */
let last = Promise.resolve();

/**
 * Send something after all that was sent before, whether that succeeded or not.
 * @param {() => Promise<any>} send
 * @returns {Promise<any>}
 */
function inTurn(send) {
  const sent = last.then(send, send);
  last = sent.catch(() => {});
  return sent;
}

/** Name an event as it is seen, so that the server can tell if it has changed. */
function named(image, event) {
  return {
    image_id: image,
    roi_id: event.roi_id,
    channel: event.channel,
    event_id: event.event_id,
    seen: Object.fromEntries(SEEN.map((name) => [name, event[name]])),
  };
}

/**
 * Decide on an event. What it was seen as is taken when the decision is sent: one's own decision
 * before it, which may still be on its way, is no conflict.
 * @param {string | null} queue
 * @param {{image: string, events: any[]}} image  Its events are those that are shown.
 * @param {any} event
 * @returns {Promise<{images: Record<string, any[]>}>}
 */
export function decide(queue, image, event, verb, values = {}) {
  return inTurn(() => {
    const now = image.events.find((each) => sameEvent(each, event)) ?? event;
    return post("decide", { queue, verb, events: [named(image.image, now)], ...values });
  });
}

export const add = (values) => inTurn(() => post("add", values));

export const turn = (which, queue) => inTurn(() => post(which, { queue }));

/** Undo or redo, and say what that was. @returns {Promise<any>} */
export async function turnAndSay(which, queue) {
  const told = await turn(which, queue);
  say(`${which === "undo" ? "Undid" : "Did again"}: ${told.verb}, ${many(told.n_events, "event")}`);
  return told;
}

export const sameEvent = (one, other) =>
  one.roi_id === other.roi_id && one.channel === other.channel && one.event_id === other.event_id;

/** What a person would read of an event. */
export function wordsFor(event) {
  if (event.rejected) return "rejected";
  const label = event.user_type ?? "unreviewed";
  return label === "unreviewed" ? (event.candidate ? "candidate" : "") : label.replaceAll("_", " ");
}

export const askNote = (event) => ask("Note on this event", { value: event.note ?? "", ok: "Save", multiline: true });

/** Tell of a conflict: what it is now stands on the page, what was wanted in the message. */
export function sayConflict(error, wanted) {
  say(`Not done (${wanted}): ${error.message}`, "error");
}
