// Changes of types (类型变更): rename, merge, retire, the situations by which one is divided, and old sentences for a new one.

import { h, reactive } from "vue";
import { ElButton, ElCheckbox, ElMessage, ElOption, ElSelect } from "element-plus";
import * as desk from "./desk.js";
import { store } from "./store.js";
import { busy, diff, fieldsOf, sure } from "./coach_parts.js";

const ACTS = { rename: "改名", merge: "并入另一类型", retire: "停用" };
const view = reactive({ busy: "", change: { act: "rename", type: "", into: "", title: "" }, preview: null });
const divided = reactive({ type: "", situations: [] });

// Types as the files have them: one may have been written a minute ago.
export const titles = () => ({ ...Object.fromEntries(Object.entries(store.tables.types).map(([id, t]) => [id, t.title])), ...(store.written ?? {}) });

function set(key, value) {
  view.change = { ...view.change, [key]: value };
  view.preview = null;
}

async function submit(write) {
  const { act, type, into, title } = view.change;
  if (write && !(await sure("将改动所有相关文件，旧名留在类型表里供老工单显示", `${ACTS[act]}“${titles()[type] ?? type}”`))) return;
  const body = { act, type, ...(act === "retire" ? {} : { into }), ...(act === "rename" && title ? { title } : {}) };
  const data = await busy(view, "change", () => desk.post("/coach/change-type", { ...body, write, commit: write }));
  if (!data) return;
  view.preview = data;
  if (write) ElMessage({ message: `已改动${data.written.length}个文件，请训练并评审`, type: "success", duration: 4000 });
}

export function changePart() {
  const c = view.change;
  const field = fieldsOf(() => view.change, set);
  const ready = c.type && (c.act === "retire" || c.into);
  return h("section", { class: "changetype" }, [
    h("h2", "类型变更"),
    h("div", { class: "fields" }, [
      field.choice("act", "变更", ACTS), field.choice("type", "类型", titles(), { filterable: true }),
      c.act === "rename" ? field.text("into", "新名称（英文）") : null, c.act === "rename" ? field.text("title", "新中文名（不改则留空）") : null,
      c.act === "merge" ? field.choice("into", "并入", titles(), { filterable: true }) : null,
    ]),
    h("div", { class: "acts" }, [
      h(ElButton, { disabled: !ready || view.busy === "change", loading: view.busy === "change", onClick: () => submit(false) }, () => "查看改动"),
      h(ElButton, { type: "primary", disabled: !view.preview || Boolean(view.preview.written) || view.busy === "change", onClick: () => submit(true) }, () => "写入改动"),
    ]),
    view.preview ? h("div", { role: "status" }, [h("p", view.preview.written ? `已改动：${view.preview.written.join("、")}` : `将改动${view.preview.files.length}个文件`), view.preview.written ? null : diff(view.preview.diff)]) : null,
  ]);
}

async function divide(type) {
  divided.type = type;
  const data = await busy(view, "divide", () => desk.get("/coach/situations", { type }));
  divided.situations = data?.situations ?? [];
}

// Dividing a type: the new one takes whole situations out of it.
export function dividePart(moves, setMoves) {
  return [
    h("label", { class: "field" }, [h("span", "拆分：从哪个类型移过来（可空）"), h(ElSelect, { modelValue: divided.type, filterable: true, clearable: true, "aria-label": "从哪个类型拆分", onChange: (v) => (v ? divide(v) : Object.assign(divided, { type: "", situations: [] })) }, () => Object.entries(titles()).map(([value, title]) => h(ElOption, { key: value, value, label: title })))]),
    h("label", { class: "field" }, [h("span", `移过来的情形${moves.length ? `（${moves.length}）` : ""}`), h(ElSelect, { modelValue: moves, multiple: true, filterable: true, collapseTags: true, "aria-label": "移过来的情形", "onUpdate:modelValue": setMoves }, () => divided.situations.map((s) => h(ElOption, { key: s.situation, value: s.situation, label: `${s.text}（${s.count}句）` })))]),
  ];
}

// Old sentences that speak of a new type: what is not in the data any more is shown too, so that it can be unticked.
export function alikePart(rows, move, setMove) {
  const gone = move.filter((text) => !rows.some((r) => r.text === text)).map((text) => ({ text, title: "语料里没有" }));
  if (!rows.length && !gone.length) return null;
  return h("div", { class: "alike" }, [
    h("h3", "已有句子中像这个类型的"),
    h("p", { class: "tiny" }, "这些句子现在属于别的类型，说的若是同一件事，不移过来新类型就读不出来。勾选后再点“检查”看改动。"),
    h("ul", { class: "said" }, [...gone, ...rows].map((r) => h("li", { key: r.text }, [
      h(ElCheckbox, { modelValue: move.includes(r.text), "aria-label": `移到新类型：${r.text}`, onChange: (v) => setMove(v ? [...move, r.text] : move.filter((text) => text !== r.text)) }, () => "移到新类型"),
      h("span", r.text), h("span", { class: "tiny" }, r.title),
    ]))),
  ]);
}
