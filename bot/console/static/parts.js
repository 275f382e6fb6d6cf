// Small pieces (部件): tags, icons, clocks, labelled values.

import { h } from "vue";
import { ElTag } from "element-plus";
import { store } from "./store.js";
import { clockName, clockSentence, left } from "./words.js";

const PATHS = {
  queue: "M4 7h16M4 12h16M4 17h10",
  ticket: "M5 6h14v4a2 2 0 0 0 0 4v4H5v-4a2 2 0 0 0 0-4zM12 6v12",
  people: "M9 11a3 3 0 1 0 0-6 3 3 0 0 0 0 6m-6 8a6 6 0 0 1 12 0m1-8a3 3 0 1 0-1-5.8M21 19a6 6 0 0 0-4-5.6",
  shield: "M12 3l8 3v6c0 5-3.5 8-8 9-4.5-1-8-4-8-9V6z",
  check: "M5 12.5l4.5 4.5L19 7",
  clip: "M17 9l-6.5 6.5a2 2 0 0 1-3-3L15 5a3.5 3.5 0 0 1 5 5l-8 8a5 5 0 0 1-7-7l6-6",
  bell: "M6 16V11a6 6 0 0 1 12 0v5l1.5 2h-15zM10 20a2 2 0 0 0 4 0",
  note: "M5 4h14v11l-5 5H5zM14 20v-5h5",
  book: "M5 5a2 2 0 0 1 2-2h12v16H7a2 2 0 0 0-2 2zM5 19V5",
  spark: "M12 3v5m0 8v5m9-9h-5M8 12H3m14.5-5.5L15 9m-6 6-2.5 2.5m0-11L9 9m6 6 2.5 2.5",
  chart: "M5 20V10m7 10V4m7 16v-7",
  eye: "M2 12s4-7 10-7 10 7 10 7-4 7-10 7-10-7-10-7m10 3a3 3 0 1 0 0-6 3 3 0 0 0 0 6",
  file: "M6 3h8l4 4v14H6zM14 3v4h4",
};

export const icon = (name) =>
  h("svg", { class: "icon", viewBox: "0 0 24 24", "aria-hidden": "true", focusable: "false" }, [h("path", { d: PATHS[name] })]);

const KINDS = { urgent: "danger", major: "warning", general: "info" };
export const urgencyTag = (urgency, title) =>
  h(ElTag, { type: KINDS[urgency] ?? "info", size: "small", effect: urgency === "general" ? "plain" : "dark", disableTransitions: true }, () => title);

// Names the clock, unless its name stands beside it already.
export function dueChip(due, clock, { held = false, named = true } = {}) {
  if (!due) return null;
  const { text, level } = left(due, store.now, { held });
  const name = clock ?? "resolution";
  const sentence = clockSentence(name, due, text, { held });
  return h("span", { class: ["due", level], role: "timer", title: sentence, "aria-label": sentence }, named ? `${clockName(name)} ${text}` : text);
}

export const pair = (title, value, extra = null) =>
  h("div", { class: "pair" }, [h("dt", title), h("dd", [value, extra])]);

export const plainButton = (label, onClick, options = {}) =>
  h("button", { type: "button", class: ["plain", options.class], title: options.title, "aria-label": options.title ?? undefined, disabled: options.disabled, onClick }, label);

export const headed = (titles, rows) =>
  h("table", { class: "tickets" }, [h("thead", [h("tr", titles.map((t) => h("th", { scope: "col", key: t }, t)))]), h("tbody", rows)]);
