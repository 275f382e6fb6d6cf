// Data (语料与类型): settled labels into the data, and new types.

import { h, reactive } from "vue";
import { ElButton, ElMessage } from "element-plus";
import * as desk from "./desk.js";
import { store } from "./store.js";
import { busy, diff, fieldsOf, lines, listed } from "./coach_parts.js";
import { alikePart, changePart, dividePart, titles } from "./coach_types.js";
import { enterWords, wordsPart } from "./coach_words.js";

const KINDS = { consult: "咨询", order: "办理", fault: "故障", complaint: "投诉", safety: "安全" };
const REGISTERS = { 菜单: "voice_menu", 口语: "speech", 打字: "typed", 书面: "plain", 客气: "polite", 方言: "dialect", 生气: "furious", 反话: "ironic", 繁体: "traditional", 混合: "mixed", 长句: "long" };
const URGENCIES = { 一般: "general", 重大: "major", 紧急: "urgent" };
const empty = () => ({ id: "", title: "", kind: "consult", team: "", definition: "", not: "", needs: ["phone_number"], sentences: "", answerTitle: "", asks: "", answer: "", owner: "", review: "", words: "", moves: [], move: [] });
const DRAFT = "intake.newtype";
// So long after the last key the near types are looked for anew.
const PAUSE_MS = 2500;
const LEAST_FOR_NEAR = 3;
const view = reactive({ promotion: null, busy: "", draft: kept(), result: null, near: null });
let pause = 0;

function kept() {
  try {
    const draft = { ...empty(), ...JSON.parse(localStorage.getItem(DRAFT) ?? "{}") };
    return { ...draft, moves: [draft.moves].flat().filter(Boolean), move: [draft.move].flat().filter(Boolean) };
  } catch {
    return empty();
  }
}

export async function enterData() {
  // What was labelled meanwhile is not among what an earlier look found.
  view.promotion = null;
  await Promise.all([promotion(false), enterWords()]);
}

const run = (name, act) => busy(view, name, act);

async function promotion(write) {
  const data = await run("promotion", () => (write ? desk.post("/coach/promotion", { commit: true }) : desk.get("/coach/promotion")));
  if (!data) return;
  view.promotion = write ? null : data;
  if (write) {
    ElMessage({ message: `已写入${data.train.length}句语料、${data.tests.length}句测试${data.branch ? `，提交在分支 ${data.branch}` : ""}`, type: "success", duration: 5000 });
    promotion(false);
  }
}

function promotionPart() {
  const p = view.promotion;
  return h("section", { class: "promotion" }, [
    h("h2", "转为语料"),
    !p ? h("p", { class: "nothing" }, view.busy === "promotion" ? "正在检查…" : "") : h("div", [
      h("p", { role: "status" }, `可写入${p.train.length}句，留作测试${p.tests.length}句，不能写入${p.refused.length}句`),
      p.refused.length ? h("ul", { class: "said" }, p.refused.map((r) => h("li", { key: r.id }, `${r.text}：${r.reason}`))) : null,
      diff(p.diff),
      h(ElButton, { type: "primary", disabled: view.busy === "promotion" || !(p.train.length + p.tests.length), onClick: () => promotion(true) }, () => "写入"),
    ]),
  ]);
}

// One sentence a line: `紧急程度 说话方式 情形 句子`; what is not said is 一般, 打字, a situation of its own.
function sentence(line, number) {
  const words = line.split(/\s+/);
  const found = { urgency: "general", register: "typed", situation: number + 1 };
  while (words.length > 1) {
    if (URGENCIES[words[0]]) found.urgency = URGENCIES[words.shift()];
    else if (REGISTERS[words[0]]) found.register = REGISTERS[words.shift()];
    else if (/^#\d+$/.test(words[0])) found.situation = Number(words.shift().slice(1));
    else break;
  }
  return { text: words.join(" "), ...found };
}

function answers() {
  const d = view.draft;
  const not = Object.fromEntries(lines(d.not).map((line) => line.split(/[:：]/)).filter((p) => p.length > 1).map(([name, ...why]) => [idOf(name.trim()), why.join("：").trim()]));
  const answer = d.answer.trim() ? { title: d.answerTitle || d.title, asks: lines(d.asks), text: d.answer.trim(), owner: d.owner, review: d.review } : undefined;
  return { id: d.id, title: d.title, kind: d.kind, team: d.team, definition: d.definition, not, needs: d.needs, sentences: lines(d.sentences).map(sentence), words: listed(d.words), moves: d.moves, move: d.move, ...(answer ? { answer } : {}) };
}
const idOf = (name) => Object.entries(titles()).find(([, title]) => title === name)?.[0] ?? name;

async function submit(write) {
  const data = await run("type", () => desk.post("/coach/new-type", { answers: answers(), write, commit: write }));
  if (!data) return;
  Object.assign(view, { result: data, near: null });
  if (data.written) {
    ElMessage({ message: "新类型已写入，请训练并评审", type: "success" });
    store.written = { ...store.written, [view.draft.id]: view.draft.title };
    Object.assign(view, { draft: empty(), near: null });
    localStorage.removeItem(DRAFT);
  }
}

function set(key, value) {
  view.draft[key] = value;
  localStorage.setItem(DRAFT, JSON.stringify(view.draft));
  if (key !== "sentences") return;
  clearTimeout(pause);
  pause = setTimeout(lookNear, PAUSE_MS);
}

// By words alone, which takes seconds less than the whole 检查.
async function lookNear() {
  if (view.looking || lines(view.draft.sentences).length < LEAST_FOR_NEAR) return;
  view.looking = true;
  const of = view.draft.sentences;
  const data = await desk.post("/coach/near-types", { sentences: answers().sentences.map((s) => s.text).join("\n") }).catch(() => null);
  view.looking = false;
  if (data) view.near = data.confusable;
  if (of !== view.draft.sentences) lookNear();
}

const nearest = (title, rows) => (rows?.length ? h("p", `${title}：${rows.map((c) => `${c.title} ${Math.round(c.share * 100)}%`).join("、")}`) : null);
const { text, choice, area } = fieldsOf(() => view.draft, set);

function typePart() {
  const r = view.result;
  return h("section", { class: "newtype" }, [
    h("h2", "新建类型"),
    h("div", { class: "fields" }, [
      text("id", "名称（英文）"), text("title", "中文名"), choice("kind", "性质", KINDS), choice("team", "责任团队", store.tables.teams),
      choice("needs", "需要的要素", store.tables.facts, { multiple: true }), text("words", "新词（逗号隔开）"),
      area("definition", "它是什么", 2), area("not", "它不是什么（一行一个：相近类型：区别）", 3),
      area("sentences", "例句（一行一句；可在句前写：紧急程度 说话方式 #情形）", 10),
      area("asks", "答复：常见问法（一行一个）", 3), area("answer", "答复内容", 3), text("owner", "答复负责人"), text("review", "复核日期，如2027-03-31"),
      ...dividePart(view.draft.moves, (v) => set("moves", v)),
    ]),
    h("div", { class: "acts" }, [h(ElButton, { disabled: view.busy === "type", loading: view.busy === "type", onClick: () => submit(false) }, () => "检查"), h(ElButton, { type: "primary", disabled: view.busy === "type" || !r || r.problems.length > 0, onClick: () => submit(true) }, () => "写入")]),
    r ? h("div", { role: "status" }, [
      r.problems.length ? h("ul", { class: "said problems" }, r.problems.map((p, n) => h("li", { key: n }, p.message))) : h("p", r.written ? `已写入${r.written.length}个文件` : "检查通过，可以写入"),
      nearest("最容易混淆", r.confusable),
      ...r.warnings.map((warning) => h("p", { key: warning, class: "tiny warn" }, warning)),
      Object.keys(r.classes).length ? h("p", { class: "tiny" }, `时限等级：${Object.entries(r.classes).map(([u, c]) => `${store.tables.urgencies[u]} → ${c}`).join("，")}`) : null,
      r.written ? null : alikePart(r.alike, view.draft.move, (v) => set("move", v)),
      diff(r.written ? "" : r.diff),
    ]) : null,
    view.near ? h("div", { role: "status", class: "near" }, [nearest("按字面看，这些例句最像", view.near)]) : null,
  ]);
}

export const dataTab = () => h("div", [promotionPart(), typePart(), changePart(), wordsPart()]);
