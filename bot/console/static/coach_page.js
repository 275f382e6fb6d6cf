// Training (训练): the frame of the trainers' page, and the inbox that is worked by keyboard.

import { h, reactive } from "vue";
import { ElButton, ElMessage, ElMessageBox, ElOption, ElSelect, ElTag } from "element-plus";
import * as desk from "./desk.js";
import { attempt, may, store } from "./store.js";
import { dayTime } from "./words.js";
import { dataTab, enterData } from "./coach_data.js";
import { enterModels, modelsTab } from "./coach_models.js";

const LEVELS = [["general", "一般", "q"], ["major", "重大", "w"], ["urgent", "紧急", "e"]];
const TALK = { out_of_scope: "超出范围", unclear: "未听清", request_human: "转人工", ticket_status: "进度查询", ticket_urge: "催单", chitchat: "闲聊" };
// As many ids as the desk takes in one request.
const AT_ONCE = 500;
const TABS = [["inbox", "待标注", "coaching"], ["data", "语料与类型", "coaching"], ["models", "模型", "figures_read"]];

const page = reactive({ tab: "", groups: [], waiting: 0, next: null, at: 0, urgency: "general", reason: "", reasons: {}, types: {}, agreement: null, definitions: {}, about: null, out: [], last: null, busy: false, loaded: false });

export async function enterCoach() {
  page.tab ||= TABS.find((t) => may(t[2]))?.[0] ?? "models";
  if (page.tab === "inbox") await loadInbox({ gather: true });
  if (page.tab === "data") enterData();
  if (page.tab === "models") enterModels();
}

// A list that was asked for before the last decision is out of date when it comes.
let asked = 0;

async function loadInbox({ gather = false } = {}) {
  const mine = ++asked;
  if (gather) await attempt(() => desk.post("/coach/inbox/gather"));
  const data = await attempt(() => desk.get("/coach/inbox", { reason: page.reason }));
  if (!data || mine !== asked) return;
  Object.assign(page, { groups: data.groups, waiting: data.waiting, next: data.next, reasons: data.reasons, agreement: data.agreement, types: data.types, definitions: data.definitions, loaded: true });
  store.written = data.types;
  page.at = Math.min(page.at, Math.max(page.groups.length - 1, 0));
  if (gather && data.unread) readInbox();
}

// The model's readings come into the groups where they stand: nothing moves under the fingers.
async function readInbox() {
  const done = await attempt(() => desk.post("/coach/inbox/read"));
  const data = done?.read ? await attempt(() => desk.get("/coach/inbox", { reason: page.reason })) : null;
  for (const fresh of data?.groups ?? []) {
    const shown = page.groups.find((g) => g.id === fresh.id);
    if (shown) shown.items = fresh.items;
  }
}

const group = () => page.groups[page.at];
const titleOf = (type) => store.tables.types[type]?.title ?? TALK[type] ?? page.types[type] ?? type;
const isRequest = (type) => Boolean(store.tables.types[type] ?? page.types[type]);

// A turn that is marked as different stays behind when the rest of its group is decided.
const isOut = (item) => page.out.includes(item.id);
const meant = () => (group()?.items ?? []).filter((item) => !isOut(item));

// The likeliest readings of the group, then what is always on offer.
function choices() {
  const found = meant().flatMap((item) => item.ranking.map(([type]) => type));
  return [...new Set(found)].slice(0, 6);
}

// The next group is shown at once; the answer of the desk comes after.
async function decide(path, body, words) {
  const chosen = group();
  if (!chosen || page.busy || !meant().length) return;
  page.busy = true;
  asked += 1;
  const out = chosen.items.filter(isOut);
  page.groups.splice(page.at, 1, ...(out.length ? [{ ...chosen, items: out, count: out.length, open: out.filter((item) => !item.mine).length }] : []));
  page.at = Math.min(page.at, Math.max(page.groups.length - 1, 0));
  page.urgency = "general";
  page.out = [];
  const data = await attempt(() => desk.post(path, { group: chosen.id, but: out.map((item) => String(item.id)), ...body }));
  page.busy = false;
  if (!data) return loadInbox();
  page.last = { ids: data.items.map(String), words };
  page.waiting = Math.max(0, page.waiting - chosen.open + out.filter((item) => !item.mine).length);
  const second = data.states?.second ?? 0;
  ElMessage({ message: second ? `${words}，其中${second}句待另一位训练师复核` : words, type: "success", duration: 1200 });
  if (!page.groups.length) await loadInbox();
}

async function takeBack() {
  const last = page.last;
  if (!last || page.busy) return;
  page.busy = true;
  let waiting = 0;
  for (let at = 0; at < last.ids.length; at += AT_ONCE) {
    waiting += (await attempt(() => desk.post("/coach/inbox/take-back", { items: last.ids.slice(at, at + AT_ONCE) })))?.waiting ?? 0;
  }
  page.busy = false;
  page.last = null;
  ElMessage({ message: waiting ? `已撤回：${last.words}（${waiting}句）` : "已不能撤回", type: waiting ? "success" : "warning", duration: 2000 });
  await loadInbox();
}

const label = (type) => decide("/coach/inbox/label", { type, ...(isRequest(type) ? { urgency: page.urgency } : {}) }, `已标为${titleOf(type)}`);
const skip = () => decide("/coach/inbox/skip", {}, "已跳过");

async function divide() {
  const item = meant()[0];
  if (!item) return;
  const answer = await ElMessageBox.prompt("用“|”隔开两件事，例如：宽带断了|话费也不对", "拆分", { inputValue: item.text, confirmButtonText: "拆分", cancelButtonText: "取消" }).catch(() => null);
  const texts = answer?.value.split(/[|｜]/).map((t) => t.trim()).filter(Boolean) ?? [];
  if (texts.length < 2) return;
  if (await attempt(() => desk.post("/coach/inbox/divide", { item: item.id, texts }))) await loadInbox();
}

function go(to) {
  if (to === page.at) return;
  page.at = Math.max(0, Math.min(to, page.groups.length - 1));
  page.out = [];
}

const KEYS = {
  ArrowDown: () => go(page.at + 1), ArrowUp: () => go(page.at - 1), z: takeBack,
  q: () => { page.urgency = "general"; }, w: () => { page.urgency = "major"; }, e: () => { page.urgency = "urgent"; },
  o: () => label("out_of_scope"), x: () => label("unclear"), s: skip, d: divide,
  Enter: () => choices().length && label(choices()[0]),
};

document.addEventListener("keydown", (event) => {
  if (store.page !== "coach" || page.tab !== "inbox" || store.dialog || event.isComposing) return;
  if (event.target.matches?.("input, textarea, [role=combobox]") || event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.target.matches?.("button") && ["Enter", " "].includes(event.key)) return;
  if (document.querySelector(".el-overlay:not([style*='display: none'])")) return;
  const place = Number(event.key) - 1;
  const run = KEYS[event.key] ?? (choices()[place] ? () => label(choices()[place]) : null);
  if (!run) return;
  event.preventDefault();
  run();
});

// What a type is and is not is shown for the one under the pointer or the focus, else for the likeliest.
const telling = (type) => ({ onMouseenter: () => tell(type), onFocus: () => tell(type) });

function tell(type) {
  page.about = { group: group()?.id, type };
}

function about() {
  const type = page.about?.group === group()?.id ? page.about?.type : choices()[0];
  if (!type) return null;
  const known = page.definitions[type];
  return h("div", { class: "about", role: "note", "aria-label": "类型定义" }, [
    h("p", [h("b", titleOf(type)), `：${known?.means ?? "还没有定义"}`]),
    known ? h("ul", { class: "tiny" }, Object.entries(known.not).map(([other, when]) => h("li", { key: other }, `${when} → ${titleOf(other)}`))) : null,
  ]);
}

const typePicker = () => h(ElSelect, { modelValue: "", filterable: true, placeholder: "其他类型", "aria-label": "其他类型", class: "filter", onChange: label }, () =>
  [...Object.entries({ ...Object.fromEntries(Object.entries(store.tables.types).map(([id, t]) => [id, t.title])), ...page.types }), ...Object.entries(TALK)].map(([value, title]) => h(ElOption, { key: value, value, label: title, ...telling(value) })));

function mark(item) {
  page.out = isOut(item) ? page.out.filter((id) => id !== item.id) : [...page.out, item.id];
}

function turn(item, chosen, many) {
  return h("li", { key: item.id, class: { out: chosen && isOut(item) } }, [h("p", item.text), h("p", { class: "tiny" }, [
    item.reasons.join("、"), ` · ${dayTime(item.at)}`, item.ranking[0] ? ` · ${item.serving ? "新模型" : "模型"}：${titleOf(item.ranking[0][0])} ${Math.round(item.ranking[0][1] * 100)}%` : "",
    item.serving ? `，在用：${titleOf(item.serving.type)} ${Math.round(item.serving.sure * 100)}%` : "",
    item.state === "second" ? h(ElTag, { size: "small", type: "warning" }, () => (item.mine ? "您已标，待他人复核" : "待复核")) : null,
    item.state === "disputed" ? h(ElTag, { size: "small", type: "danger" }, () => "有分歧，请定夺") : null,
    chosen && many ? h("button", { type: "button", class: "plain tinybutton", "aria-pressed": isOut(item), onClick: () => mark(item) }, isOut(item) ? "放回这一组" : "不是一回事") : null,
  ])]);
}

function decision() {
  return h("div", { class: "decision" }, [
    h("div", { class: "acts", role: "group", "aria-label": "紧急程度" }, LEVELS.map(([id, title, key]) => h(ElButton, { key: id, type: page.urgency === id ? "primary" : "", onClick: () => { page.urgency = id; } }, () => `${title} ${key.toUpperCase()}`))),
    h("div", { class: "acts", role: "group", "aria-label": "类型" }, [...choices().map((type, n) => h(ElButton, { key: type, onClick: () => label(type), ...telling(type) }, () => `${n + 1} ${titleOf(type)}`)), typePicker()]),
    h("div", { class: "acts" }, [["O 超出范围", () => label("out_of_scope"), telling("out_of_scope")], ["X 未听清", () => label("unclear"), telling("unclear")], ["S 跳过", skip], ["D 拆成两件", divide]].map(([title, run, told]) => h(ElButton, { key: title, text: true, onClick: run, ...told }, () => title))),
    about(),
  ]);
}

function inboxTab() {
  if (!page.loaded) return h("p", { class: "nothing" }, "正在读取…");
  return h("section", [
    h("div", { class: "filters" }, [
      h(ElSelect, { modelValue: page.reason, clearable: true, placeholder: "全部来源", "aria-label": "来源", class: "filter", onChange: (v) => { page.reason = v ?? ""; page.at = 0; loadInbox(); } }, () => Object.entries(page.reasons).map(([value, title]) => h(ElOption, { key: value, value, label: title }))),
      h("span", { role: "status" }, `还有${page.waiting}句待标注`),
      page.last ? h(ElButton, { size: "small", text: true, onClick: takeBack }, () => `Z 撤回：${page.last.words}`) : null,
      page.agreement?.pairs ? h("span", { class: "tiny" }, `两人一致率${Math.round(page.agreement.share * 100)}%（${page.agreement.pairs}句）`) : null,
    ]),
    page.groups.length ? h("ol", { class: "rows coachgroups" }, page.groups.map((g, n) => h("li", { key: g.id, class: { on: n === page.at }, "aria-current": n === page.at ? "true" : undefined, onClick: () => go(n) }, [
      h("div", [h("b", `${g.count}句`), h("ul", g.items.slice(0, n === page.at ? g.items.length : 1).map((item) => turn(item, n === page.at, g.items.length > 1))),
        n === page.at && g.count > g.items.length ? h("p", { class: "tiny" }, `另有${g.count - g.items.length}句相近的话，一并处理`) : null]),
      n === page.at ? decision() : null,
    ]))) : h("p", { class: "nothing" }, "没有待标注的话"),
  ]);
}

export function coachPage() {
  return h("main", { class: "plainpage coach", id: "main" }, [
    h("h1", "训练"),
    h("div", { class: "acts coachtabs", role: "tablist" }, TABS.filter((t) => may(t[2])).map(([id, title]) => h("button", { key: id, type: "button", role: "tab", class: ["plain", { on: page.tab === id }], "aria-selected": page.tab === id, onClick: () => { page.tab = id; enterCoach(); } }, title))),
    page.tab === "inbox" ? inboxTab() : page.tab === "data" ? dataTab() : modelsTab(),
  ]);
}
