// Words and signals (词表与征象): saved after a look at what they would change on last week's turns.

import { h, reactive } from "vue";
import { ElButton, ElInput, ElMessage, ElOption, ElSelect, ElTag } from "element-plus";
import * as desk from "./desk.js";
import { store } from "./store.js";
import { busy, diff, fieldsOf, lines, listed } from "./coach_parts.js";

const KINDS = { consult: "咨询", order: "办理", fault: "故障", complaint: "投诉", safety: "安全" };
const LEVELS = { major: "重大", urgent: "紧急" };
const view = reactive({ busy: "", words: [], signals: [], add: "", find: "", drop: [], chosen: "", entry: null, preview: null, asked: null });

export async function enterWords() {
  const data = await busy(view, "load", () => desk.get("/coach/words"));
  if (data) Object.assign(view, { words: data.words, signals: data.signals });
}

// What is previewed is what is saved: any further change asks for a new look.
function changed(values) {
  Object.assign(view, values, { preview: null, asked: null });
}

async function ask(body, write) {
  const data = await busy(view, "ask", () => desk.post("/coach/words", { ...body, write, commit: write }));
  if (!data) return;
  view.preview = data;
  view.asked = body;
  if (!write) return;
  ElMessage({ message: body.signal ? "征象已保存，新启动的模型起生效" : "词表已保存，下次训练生效", type: "success", duration: 4000 });
  changed({ add: "", drop: [], chosen: "", entry: null });
  enterWords();
}

function outcome() {
  const p = view.preview;
  if (!p) return null;
  return h("div", { role: "status", class: "preview" }, [
    h("p", `近一周${p.turns}句中有${p.changed}句会改变`),
    h("ul", { class: "said" }, p.examples.map((e, n) => h("li", { key: n }, `${e.text}：${e.before || "—"} → ${e.after || "—"}`))),
    diff(p.diff),
  ]);
}

const saveable = (kind) => view.preview && Boolean(view.asked?.signal) === (kind === "signal") && view.busy !== "ask" && view.preview.diff;

function lexicon() {
  const found = view.find.trim() ? view.words.filter((w) => w.includes(view.find.trim())).slice(0, 40) : [];
  const body = () => ({ add: listed(view.add), drop: view.drop });
  return h("section", { class: "lexicon" }, [
    h("h2", "分词词表"),
    h("div", { class: "filters" }, [
      h(ElInput, { modelValue: view.add, placeholder: "新词，逗号隔开", "aria-label": "新词", class: "search", "onUpdate:modelValue": (v) => changed({ add: v }) }),
      h(ElInput, { modelValue: view.find, placeholder: `在${view.words.length}个词里找`, "aria-label": "找词", class: "search", clearable: true, "onUpdate:modelValue": (v) => { view.find = v; } }),
      h(ElButton, { disabled: view.busy === "ask" || !(view.add.trim() || view.drop.length), onClick: () => ask(body(), false) }, () => "预览"),
      h(ElButton, { type: "primary", disabled: !saveable("words"), onClick: () => ask(view.asked, true) }, () => "保存"),
    ]),
    found.length ? h("div", { class: "acts" }, found.map((word) => h(ElTag, { key: word, type: view.drop.includes(word) ? "danger" : "info", closable: true, disableTransitions: true, onClose: () => changed({ drop: view.drop.includes(word) ? view.drop.filter((w) => w !== word) : [...view.drop, word] }) }, () => (view.drop.includes(word) ? `删除 ${word}` : word)))) : null,
    view.drop.length ? h("p", { class: "tiny" }, `将删除：${view.drop.join("、")}`) : null,
    view.asked && !view.asked.signal ? outcome() : null,
  ]);
}

const EMPTY = { id: "", title: "", raises_to: "major", pattern: "", all_of: "", unless: "", kinds: [], basis: "2.4", good: "", bad: "" };
const LISTS = ["all_of", "good", "bad"];

function choose(id) {
  const known = view.signals.find((s) => s.id === id);
  const entry = known ? { ...EMPTY, ...known, ...Object.fromEntries(LISTS.map((k) => [k, (known[k] ?? []).join("\n")])), kinds: known.kinds ?? [] } : { ...EMPTY };
  changed({ chosen: id, entry });
}

// Only what is said is sent: an empty part does not stand in the table.
function written() {
  const e = view.entry;
  const entry = Object.fromEntries(Object.entries(e).map(([k, v]) => [k, LISTS.includes(k) ? lines(v) : v]));
  return Object.fromEntries(Object.entries(entry).filter(([k, v]) => ["good", "bad"].includes(k) || (Array.isArray(v) ? v.length : v !== "")));
}

function raising() {
  const field = fieldsOf(() => view.entry, (key, value) => changed({ entry: { ...view.entry, [key]: value } }));
  return h("section", { class: "signals" }, [
    h("h2", "紧急征象"),
    h("div", { class: "filters" }, [
      h(ElSelect, { modelValue: view.chosen, filterable: true, placeholder: "选择征象", "aria-label": "征象", class: "filter", onChange: choose }, () => [h(ElOption, { key: "+", value: "+", label: "＋ 新征象" }), ...view.signals.map((s) => h(ElOption, { key: s.id, value: s.id, label: `${s.title}（${LEVELS[s.raises_to]}）` }))]),
      h(ElButton, { disabled: !view.entry || view.busy === "ask", onClick: () => ask({ signal: written() }, false) }, () => "预览"),
      h(ElButton, { type: "primary", disabled: !saveable("signal"), onClick: () => ask(view.asked, true) }, () => "保存"),
    ]),
    view.entry ? h("div", { class: "fields" }, [
      field.text("id", "名称（英文）", { disabled: view.chosen !== "+" }), field.text("title", "征象名"),
      field.choice("raises_to", "提到", LEVELS), field.choice("kinds", "只用于（空为全部）", KINDS, { multiple: true }),
      field.area("pattern", "出现（正则，<词组名>可用）", 3), field.area("all_of", "并且都出现（一行一个）", 2), field.area("unless", "除非出现", 2),
      field.area("good", "应提级的例句（一行一个）", 3), field.area("bad", "不应提级的例句（一行一个）", 3), field.text("basis", "依据"),
    ]) : null,
    view.asked?.signal ? outcome() : null,
  ]);
}

export const wordsPart = () => (store.tables ? h("div", [lexicon(), raising()]) : null);
