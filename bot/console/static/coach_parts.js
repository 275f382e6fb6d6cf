// Parts of the trainers' page (训练页部件): a job in hand, diffs, fields.

import { h } from "vue";
import { ElInput, ElMessageBox, ElOption, ElSelect } from "element-plus";
import { attempt } from "./store.js";

export const lines = (text) => text.split("\n").map((line) => line.trim()).filter(Boolean);
export const listed = (text) => text.split(/[，,、\n]/).map((part) => part.trim()).filter(Boolean);

export async function busy(view, name, act) {
  view.busy = name;
  const data = await attempt(act);
  if (view.busy === name) view.busy = "";
  return data;
}

export const diff = (text) => (text ? h("pre", { class: "diff" }, text.split("\n").map((line, n) => h("span", { key: n, class: line.startsWith("+") ? "plus" : line.startsWith("-") ? "minus" : "" }, `${line}\n`))) : null);

export const sure = (words, title) => ElMessageBox.confirm(words, title, { confirmButtonText: "确定", cancelButtonText: "取消", type: "warning" }).then(() => true, () => false);

// Fields of an object: `set(key, value)` keeps what was written.
export function fieldsOf(values, set) {
  const text = (key, label, options = {}) => h("label", { class: "field" }, [h("span", label), h(ElInput, { modelValue: values()[key], "aria-label": label, ...options, "onUpdate:modelValue": (v) => set(key, v) })]);
  const choice = (key, label, options, more = {}) => h("label", { class: "field" }, [h("span", label), h(ElSelect, { modelValue: values()[key], "aria-label": label, ...more, "onUpdate:modelValue": (v) => set(key, v) }, () => Object.entries(options).map(([value, title]) => h(ElOption, { key: value, value, label: title })))]);
  return { text, choice, area: (key, label, rows) => text(key, label, { type: "textarea", rows }) };
}
