// Figures (指标): shares and times of people's work, the tickets behind each, the bot apart, downloads.

import { h, reactive } from "vue";
import { ElButton, ElDialog, ElRadioButton, ElRadioGroup } from "element-plus";
import * as desk from "./desk.js";
import { attempt, openTicket, store } from "./store.js";
import { bars, chart, trend } from "./charts.js";
import { dueChip, headed, plainButton } from "./parts.js";
import { clockTitle, dayTime } from "./words.js";

const BY = { class: "时限等级", team: "团队", person: "人员", type: "诉求类型" };
const PARTS = [["all", "全部"], ["numerator", "计入分子"], ["rest", "未计入分子"]];
const ORDER = ["response_rate", "resolution_rate", "satisfaction_rate", "first_response_minutes", "resolution_minutes", "complaint_rate", "callback_rate", "reopened_rate", "unconfirmed_rate"];
const day = (back) => new Date(Date.now() + 8 * 3600_000 - back * 86400_000).toISOString().slice(0, 10);
const page = reactive({ from: day(29), to: day(0), data: null, days: [], name: "response_rate", by: "class", list: null, loading: false });

export async function enterFigures() {
  page.loading = true;
  const data = await attempt(() => desk.get("/figures", { from: page.from, to: page.to }));
  page.loading = false;
  if (data) page.data = data;
  await loadDays();
}

async function loadDays() {
  page.days = [];
  if (!isShare(page.name)) return;
  const { name } = page;
  const data = await attempt(() => desk.get("/figures/days", { from: page.from, to: page.to, name }));
  if (data && page.name === name) page.days = data.days;
}

const isShare = (name) => name.endsWith("_rate");
const percent = (value) => `${Math.round(value * 1000) / 10}%`;
const minutes = (value) => (value < 120 ? `${Math.round(value * 10) / 10}分钟` : `${Math.round(value / 6) / 10}小时`);
const shown = (f) => (f.value === null || f.value === undefined ? "—" : isShare(f.name) ? percent(f.value) : minutes(f.value));
const interval = (f) => (f.low === null || f.low === undefined ? "—" : `${percent(f.low)}–${percent(f.high)}`);
const counted = (values) => (values ? `${values[0]}/${values[1]}` : "无");
const titleOf = (name) => page.data.titles[name].title.replace(/（.*/, "");

function groupTitle(by, group) {
  if (by === "class") return store.tables.classes[group]?.title ?? group;
  if (by === "team") return store.tables.teams[group] ?? group;
  if (by === "type") return store.tables.types[group]?.title ?? group;
  return page.data.people[group] ?? "未指派";
}

async function list(title, query) {
  page.list = { title, query, part: "all", count: 0, tickets: [], next: null, loaded: false };
  await loadList("all");
}

const asked = (l) => ({ from: page.from, to: page.to, ...l.query, ...(l.query.name ? { part: l.part } : {}) });

async function loadList(part, skip = 0) {
  const { query } = page.list;
  page.list.part = part;
  const data = await attempt(() => desk.get("/figures/tickets", { ...asked(page.list), ...(skip ? { skip } : {}) }));
  if (!data || page.list?.query !== query || page.list.part !== part) return;
  Object.assign(page.list, data, { tickets: skip ? [...page.list.tickets, ...data.tickets] : data.tickets, loaded: true });
}

async function goTicket(number) {
  page.list = null;
  store.page = "tickets";
  await openTicket(number);
}

function span() {
  const input = (key, label) => h("input", { type: "date", class: "native date", "aria-label": label, value: page[key], max: day(0), onChange: (e) => { if (e.target.value) { page[key] = e.target.value; enterFigures(); } } });
  const href = (format) => `/api/v1/staff/figures/export?${new URLSearchParams({ format, from: page.from, to: page.to })}`;
  return h("div", { class: "filters" }, [
    ...[[6, "7天"], [29, "30天"], [89, "90天"]].map(([back, title]) => h(ElButton, { key: back, size: "small", type: page.from === day(back) && page.to === day(0) ? "primary" : "default", onClick: () => { page.from = day(back); page.to = day(0); enterFigures(); } }, () => title)),
    input("from", "开始日期"), h("span", "至"), input("to", "结束日期"), h("span", { class: "fill" }),
    h("a", { class: "plain", href: href("csv"), download: "" }, "下载 CSV"), h("a", { class: "plain", href: href("xlsx"), download: "" }, "下载 XLSX"),
  ]);
}

function cards() {
  const all = Object.fromEntries(page.data.figures.filter((f) => f.by === "all").map((f) => [f.name, f]));
  return h("div", { class: "cards figures" }, ORDER.map((name) => {
    const f = all[name] ?? { name, value: null, numerator: 0, denominator: 0 };
    return h("button", { key: name, type: "button", class: ["figure", { on: page.name === name }], "aria-pressed": page.name === name, title: page.data.titles[name].meaning, onClick: () => { page.name = name; loadDays(); } }, [
      h("span", { class: "tiny" }, titleOf(name)), h("b", shown(f)),
      h("span", { class: "tiny" }, isShare(name) ? `${f.numerator}/${f.denominator}` : `${f.denominator}个，中位数`),
      isShare(name) ? h("span", { class: "tiny" }, interval(f)) : null,
    ]);
  }));
}

function chosen() {
  const { name, by } = page;
  const rows = page.data.figures.filter((f) => f.name === name && f.by === by).map((f) => ({ ...f, title: groupTitle(by, f.group) })).sort((a, b) => b.denominator - a.denominator);
  const all = page.data.figures.find((f) => f.name === name && f.by === "all");
  const pick = (f) => list(`${titleOf(name)} · ${f.title}`, { name, by: f.by, group: f.group });
  const top = rows.slice(0, 15);
  const format = isShare(name) ? percent : minutes;
  return h("section", { class: "panel", "aria-label": titleOf(name) }, [
    h("div", { class: "titleline" }, [h("h2", titleOf(name)), h("span", { class: "tiny" }, page.data.titles[name].meaning), h("span", { class: "fill" }), h(ElRadioGroup, { modelValue: by, size: "small", "aria-label": "分组", "onUpdate:modelValue": (v) => { page.by = v; } }, () => Object.entries(BY).map(([value, title]) => h(ElRadioButton, { key: value, value }, () => title)))]),
    rows.length ? h("div", { class: "halves" }, [
      h("div", [
        h(chart, { key: `bars:${name}:${by}`, option: bars(top, { format, share: isShare(name) }), label: `${titleOf(name)}，按${BY[by]}的柱形图，数值见右侧表格`, height: Math.max(120, top.length * 34 + 50), onPick: (n) => pick(top[n]) }),
        isShare(name) && page.days.length > 1 ? h(chart, { key: `days:${name}`, option: trend(page.days, { format }), label: `${titleOf(name)}，按日的折线图`, height: 200 }) : null,
      ]),
      headed([BY[by], "分子", "分母", "值", "95%区间", "工单"], [
        ...rows.map((f) => h("tr", { key: f.group }, [h("td", f.title), h("td", f.numerator), h("td", f.denominator), h("td", [h("b", shown(f))]), h("td", interval(f)), h("td", [plainButton("查看", () => pick(f), { title: `查看${f.title}的工单` })])])),
        all ? h("tr", { key: "all" }, [h("td", "合计"), h("td", all.numerator), h("td", all.denominator), h("td", [h("b", shown(all))]), h("td", interval(all)), h("td", [plainButton("查看", () => pick({ ...all, title: "合计" }), { title: "查看全部工单" })])]) : null,
      ]),
    ]) : h("p", { class: "nothing" }, "这段时间没有计入该指标的工单"),
  ]);
}

function risk() {
  const r = page.data.at_risk;
  return h("section", { class: "panel", "aria-label": "当前临期" }, [
    h("div", { class: "titleline" }, [h("h2", "当前临期与超时"), h("span", { class: "due soon" }, `临期${r.at_risk}`), plainButton("查看", () => list("当前临期", { risk: "at_risk" }), { title: "查看临期的工单" }), h("span", { class: "due late" }, `超时${r.late}`), plainButton("查看", () => list("当前超时", { risk: "late" }), { title: "查看超时的工单" }), r.tickets.length > 12 ? h("span", { class: "tiny" }, "最紧的12项") : null]),
    r.tickets.length ? headed(["工单", "团队", "时限", "剩余"], r.tickets.slice(0, 12).map((t) => h("tr", { key: `${t.number}${t.clock}` }, [h("td", [plainButton(t.number, () => goTicket(t.number), { class: "link" })]), h("td", store.tables.teams[t.team] ?? t.team), h("td", clockTitle(t.clock)), h("td", [dueChip(t.due_at, t.clock, { named: false })])]))) : h("p", { class: "nothing" }, "没有临期或超时的工单"),
  ]);
}

function causes() {
  const rows = page.data.breach_causes;
  const most = Math.max(1, ...rows.map((c) => c.count));
  return h("section", { class: "panel", "aria-label": "超时原因" }, [
    h("h2", "超时原因"),
    rows.length ? headed(["原因", "次数", "比较", "工单"], rows.map((c) => h("tr", { key: c.cause }, [h("td", c.title), h("td", c.count), h("td", { class: "meter" }, [h("i", { style: { width: `${(c.count / most) * 100}%` } })]), h("td", [plainButton("查看", () => list(`超时原因 · ${c.title}`, { cause: c.cause }), { title: `查看${c.title}的工单` })])]))) : h("p", { class: "nothing" }, "这段时间没有超时"),
  ]);
}

function bot() {
  const b = page.data.bot_answers;
  const c = page.data.compared;
  return h("section", { class: "panel", "aria-label": "智能客服与核对" }, [
    h("h2", "智能客服答复"), h("p", { class: "tiny" }, "与人工指标分开统计：智能客服的答复不计入首次响应。"),
    h("p", b.count ? `${b.count}次答复，中位数${b.median_s}秒，95%在${b.p95_s}秒内` : "这段时间没有答复"),
    h("h2", "夜间核对"),
    h("p", { class: c?.differences ? "problem" : "" }, c ? `${dayTime(c.at)}由事件记录重算${c.tickets}个工单、${c.events}条记录、${c.figures}项已存指标：${c.differences ? `${c.differences}处不一致` : "全部一致"}` : "尚未核对"),
    c?.differences ? h("ul", { class: "tiny" }, c.where.map((w) => h("li", { key: w }, w))) : null,
    page.data.left_open ? h("p", { class: "problem", role: "alert" }, `${page.data.left_open.day}的指标还不能存档：${page.data.left_open.unswept}个时限已到而未巡检，请管理员检查时限巡检（intake clock）是否在运行。`) : null,
    page.data.corrections.length ? h("ul", { class: "tiny", "aria-label": "已存指标的更正" }, page.data.corrections.map((c) => h("li", { key: c.at }, `${dayTime(c.at)}更正${c.day}的指标（有事后补记的事实）：${c.changes.map((x) => `${x.title} ${counted(x.was)}→${counted(x.now)}`).join("，")}`))) : null,
  ]);
}

function listDialog() {
  const l = page.list;
  return h(ElDialog, { modelValue: true, title: l.title, width: "min(860px, 94vw)", "onUpdate:modelValue": () => { page.list = null; } }, {
    default: () => [
      h("div", { class: "filters" }, [l.query.name && isShare(l.query.name) ? h(ElRadioGroup, { modelValue: l.part, size: "small", "aria-label": "部分", "onUpdate:modelValue": (part) => loadList(part) }, () => PARTS.map(([value, title]) => h(ElRadioButton, { key: value, value }, () => title))) : null, h("span", { role: "status" }, l.loaded ? `${l.count}个工单${l.count > l.tickets.length ? `，已显示${l.tickets.length}个` : ""}` : "正在读取…"), h("span", { class: "fill" }), ...["csv", "xlsx"].map((format) => h("a", { key: format, class: "plain", href: `/api/v1/staff/figures/tickets/export?${new URLSearchParams({ ...asked(l), format })}`, download: "" }, `下载全部 ${format.toUpperCase()}`))]),
      h("div", { class: "listbox", tabindex: 0, role: "region", "aria-label": "工单列表" }, [headed(["工单号", "诉求", "状态", "团队", "处理人", "受理时间"], l.tickets.map((t) => h("tr", { key: t.number }, [h("td", [plainButton(t.number, () => goTicket(t.number), { class: "link" })]), h("td", t.type_title), h("td", t.state_title), h("td", t.team_title), h("td", t.holder?.title ?? "—"), h("td", dayTime(t.accepted_at))])))]),
      l.next ? h("div", { class: "centre" }, [h(ElButton, { onClick: () => loadList(l.part, l.next) }, () => "更多")]) : null,
    ],
  });
}

export function figuresPage() {
  return h("main", { class: "plainpage more", id: "main" }, [
    h("div", { class: "titleline" }, [h("h1", "指标"), h("span", { class: "tiny" }, page.loading ? "正在计算…" : "人工服务质量：值、分子/分母、95%区间；点选一项看分组和工单")]),
    span(),
    ...(page.data ? [cards(), chosen(), h("div", { class: "thirds" }, [risk(), causes(), bot()])] : []),
    page.list ? listDialog() : null,
  ]);
}
