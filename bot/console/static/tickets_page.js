// The ticket page (工单): table and board, filters, search, saved views, many at once.

import { h, reactive } from "vue";
import { ElButton, ElCheckbox, ElInput, ElOption, ElRadioButton, ElRadioGroup, ElSelect, ElTag } from "element-plus";
import * as desk from "./desk.js";
import { attempt, may, onChange, openConversation, openTicket, store } from "./store.js";
import { dueChip, plainButton, urgencyTag } from "./parts.js";
import { ticketBody } from "./ticket_panel.js";
import { dayTime } from "./words.js";

const page = reactive({
  mode: "table", rows: [], cursor: null, loading: false, loaded: false, columns: [], views: [], picked: new Set(), bulk: null, results: null,
  filters: { q: "", state: "", class: "", type: "", urgency: "", team: "", holder: "", sort: "newest" },
});

// Of two lists that are asked for, the later one is shown, whichever answers first.
let asked = 0;

// What others change meanwhile does not take away what somebody is picking.
async function load({ more = false, live = false } = {}) {
  const turn = ++asked;
  page.loading = true;
  const data = await attempt(() => desk.get("/tickets", { ...page.filters, cursor: more ? page.cursor : undefined }));
  if (turn !== asked) return;
  page.loading = false;
  if (!data) return;
  page.rows = more ? [...page.rows, ...data.tickets] : data.tickets;
  page.cursor = data.cursor;
  page.loaded = true;
  if (!more) page.picked = new Set(live ? page.rows.map((t) => t.number).filter((number) => page.picked.has(number)) : []);
}

async function loadBoard() {
  const turn = ++asked;
  const { q, state, sort, ...narrowed } = page.filters;
  const data = await attempt(() => desk.get("/board", narrowed));
  if (data && turn === asked) page.columns = data.columns;
}
async function loadViews() {
  const data = await attempt(() => desk.get("/views"));
  if (data) page.views = data.views;
}

const reload = (how) => (page.mode === "board" ? loadBoard() : load(how));

let timer = 0;
onChange((news) => {
  if (store.page !== "tickets" || !news.tickets.length) return;
  clearTimeout(timer);
  timer = setTimeout(() => (page.mode === "table" && page.cursor && page.rows.length > 50 ? null : reload({ live: true })), 400);
});

export function enterTickets() {
  loadViews();
  return reload();
}

function show(view) {
  Object.assign(page.filters, view.filters);
  reload();
}

let typing = 0;
function filter(key, value) {
  page.filters[key] = value ?? "";
  clearTimeout(typing);
  typing = setTimeout(() => reload(), key === "q" ? 350 : 0);
}

const choose = (key, label, pairs) =>
  h(ElSelect, { modelValue: page.filters[key], placeholder: label, "aria-label": label, clearable: true, filterable: true, class: "filter", "onUpdate:modelValue": (v) => filter(key, v) }, () => pairs.map(([value, title]) => h(ElOption, { key: value, value, label: title })));

async function saveView() {
  store.dialog = {
    kind: "reason", title: "保存为视图", hint: "保存当前的筛选条件，只有您能看到。", label: "名称", short: 40,
    done: async (title) => { await attempt(() => desk.post("/views", { title: title.slice(0, 40), filters: { ...page.filters } })); loadViews(); },
  };
}

// The board has its columns for the states and is in their order; it is not searched.
const inTable = (make) => (page.mode === "table" ? make() : null);

function bar() {
  const t = store.tables;
  const pairs = (o, title = (v) => v) => Object.entries(o).map(([id, v]) => [id, title(v)]);
  return h("div", { class: "filters" }, [
    h(ElRadioGroup, { modelValue: page.mode, "aria-label": "显示方式", "onUpdate:modelValue": (v) => { page.mode = v; enterTickets(); } }, () => [h(ElRadioButton, { value: "table" }, () => "列表"), h(ElRadioButton, { value: "board" }, () => "看板")]),
    inTable(() => h(ElInput, { modelValue: page.filters.q, placeholder: "工单号、手机号、内容", "aria-label": "搜索工单", clearable: true, class: "search", id: "ticket-search", maxlength: 100, "onUpdate:modelValue": (v) => filter("q", v) })),
    inTable(() => choose("state", "状态", pairs(t.states))),
    choose("class", "时限等级", pairs(t.classes, (c) => c.title)), choose("type", "诉求类型", pairs(t.types, (x) => x.title)),
    choose("urgency", "紧急程度", pairs(t.urgencies)),
    choose("team", "团队", pairs(t.teams)), choose("holder", "处理人", [["me", "我的"], ...store.people.map((p) => [String(p.id), p.title])]),
    inTable(() => choose("sort", "排序", [["newest", "最新受理"], ["due", "最先到期"]])),
    plainButton("保存视图", saveView),
    ...page.views.map((v) => h(ElTag, { key: v.id, closable: true, class: "view", role: "button", tabindex: 0, onClick: () => show(v), onKeydown: (e) => { if (e.key === "Enter") show(v); }, onClose: async () => { await attempt(() => desk.remove(`/views/${v.id}`)); loadViews(); } }, () => v.title)),
  ]);
}

const open = (number) => openTicket(number);

// What was previewed is what is done: another choice wants another preview.
function pick(rows, chosen) {
  for (const { number } of rows) page.picked[chosen ? "add" : "delete"](number);
  page.results = null;
}
function want(key, value) {
  page.bulk[key] = value;
  page.results = null;
}

function row(t) {
  return h("tr", { key: t.number, class: { on: t.number === store.ticketNumber, overdue: t.overdue }, onClick: () => open(t.number) }, [
    may("tickets_lead") ? h("td", { onClick: (e) => e.stopPropagation() }, [h(ElCheckbox, { modelValue: page.picked.has(t.number), "aria-label": `选择${t.number}`, onChange: (v) => pick([t], v) })]) : null,
    h("td", [plainButton(t.number, () => open(t.number), { class: "link" })]),
    h("td", t.type_title),
    h("td", [urgencyTag(t.urgency, t.urgency_title)]),
    h("td", [h("span", { class: ["state", t.state] }, t.state_title)]),
    h("td", t.team_title),
    h("td", t.holder?.title ?? "—"),
    h("td", ["accepted", "processing", "on_hold", "submitted"].includes(t.state) ? [dueChip(t.due_at, t.due_clock, { held: t.paused })] : "—"),
    h("td", dayTime(t.accepted_at)),
    h("td", { class: "summary" }, t.summary),
  ]);
}

function table() {
  const heads = [may("tickets_lead") ? h("th", { scope: "col" }, h(ElCheckbox, { modelValue: page.rows.length > 0 && page.picked.size === page.rows.length, indeterminate: page.picked.size > 0 && page.picked.size < page.rows.length, "aria-label": "选择本页全部", onChange: (v) => pick(page.rows, v) })) : null, ...["工单号", "诉求", "紧急程度", "状态", "团队", "处理人", "时限", "受理时间", "摘要"].map((title) => h("th", { scope: "col", key: title }, title))];
  return h("div", { class: "tablebox" }, [
    page.picked.size ? bulkBar() : null,
    h("table", { class: "tickets" }, [h("thead", [h("tr", heads)]), h("tbody", page.rows.map(row))]),
    !page.rows.length && page.loaded ? h("p", { class: "nothing" }, "没有符合条件的工单") : null,
    page.cursor ? h("div", { class: "centre" }, [h(ElButton, { loading: page.loading, onClick: () => load({ more: true }) }, () => "更多")]) : null,
  ]);
}

const BULK = ["claim", "assign", "transfer", "resume", "note"];
function bulkBar() {
  return h("div", { class: "bulk" }, [
    h("b", `已选${page.picked.size}个`),
    ...BULK.map((id) => h(ElButton, { key: id, size: "small", onClick: () => { page.bulk = { step: id, reason: "", team: "", person: "" }; page.results = null; } }, () => store.tables.steps[id].title)),
    plainButton("取消选择", () => { page.picked = new Set(); page.bulk = null; }),
    page.bulk ? bulkForm() : null,
  ]);
}

async function runBulk(preview) {
  const { step, reason, team, person } = page.bulk;
  const body = { numbers: [...page.picked], step, preview, reason: reason || undefined, team: team || undefined, person: person || undefined };
  const data = await attempt(() => desk.post("/bulk", body));
  if (!data) return;
  page.results = data;
  if (!preview) load().then(() => { page.bulk = null; });
}

function bulkForm() {
  const needs = store.tables.steps[page.bulk.step].needs;
  const choice = (key, label, pairs) => h(ElSelect, { modelValue: page.bulk[key], placeholder: label, "aria-label": label, size: "small", class: "filter", "onUpdate:modelValue": (v) => want(key, v) }, () => pairs.map(([value, title]) => h(ElOption, { key: value, value, label: title })));
  return h("div", { class: "bulkform" }, [
    needs.includes("team") ? choice("team", "转到团队", Object.entries(store.tables.teams)) : null,
    needs.includes("person") ? choice("person", "指派给", store.people.map((p) => [p.id, p.title])) : null,
    h(ElInput, { modelValue: page.bulk.reason, size: "small", class: "search", placeholder: needs.includes("reason") ? "原因" : "说明（可不填）", "aria-label": "原因", "onUpdate:modelValue": (v) => want("reason", v) }),
    h(ElButton, { size: "small", onClick: () => runBulk(true) }, () => "预览"),
    page.results?.preview ? h(ElButton, { size: "small", type: "primary", disabled: !page.results.results.some((r) => r.ok), onClick: () => runBulk(false) }, () => `执行${page.results.results.filter((r) => r.ok).length}个`) : null,
    page.results ? h("ul", { class: "results" }, page.results.results.map((r) => h("li", { key: r.number, class: r.ok ? "ok" : "bad" }, `${r.number}：${r.ok ? `→ ${store.tables.states[r.to] ?? r.to}` : r.message}`))) : null,
  ]);
}

function card(t) {
  return h("button", { key: t.number, type: "button", class: ["ticketcard", t.urgency, { overdue: t.overdue }], onClick: () => open(t.number) }, [
    h("span", { class: "top" }, [h("b", t.type_title), t.state === "resolved" ? null : dueChip(t.due_at, t.due_clock, { held: t.paused })]),
    h("span", { class: "said" }, t.summary),
    h("span", { class: "bottom" }, [h("span", t.number), h("span", t.holder?.title ?? "未接单")]),
  ]);
}

const board = () => h("div", { class: "board" }, page.columns.map((c) => h("section", { key: c.state }, [h("h2", [c.title, c.count !== null ? h("span", { class: "count" }, c.count ?? 0) : null]), h("div", { class: "cards" }, c.tickets.map(card)), c.tickets.length ? null : h("p", { class: "nothing" }, "没有")])));

export function ticketsPage() {
  return h("main", { class: "ticketspage", id: "main" }, [
    h("div", { class: "list" }, [h("h1", { class: "hidden" }, "工单"), bar(), page.mode === "board" ? board() : table()]),
    store.ticketNumber ? h("aside", { class: "right", "aria-label": "工单" }, [
      h("div", { class: "panelbar" }, [store.ticket?.conversation_id ? plainButton("打开会话", () => openConversation(store.ticket.conversation_id)) : null, h("span", { class: "fill" }), plainButton("关闭", () => openTicket(null))]),
      ...(store.ticket ? ticketBody(store.ticket) : [h("p", { class: "nothing" }, store.ticketHidden ? "该工单由其他团队处理，不能查看" : "正在读取…")]),
    ]) : null,
  ]);
}
