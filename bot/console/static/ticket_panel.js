// The right side (工单): clocks, facts, the steps that are legal now, the complaint lane, history.

import { h, reactive } from "vue";
import { ElButton, ElCheckbox, ElDropdown, ElDropdownItem, ElDropdownMenu, ElTag } from "element-plus";
import * as desk from "./desk.js";
import { attempt, loadApprovals, may, openTicket, refreshTicket, showTicket, store } from "./store.js";
import { dueChip, icon, pair, plainButton, urgencyTag } from "./parts.js";
import { clockTitle, dayTime, left } from "./words.js";

const MAIN_STEPS = ["claim", "resolve", "hold", "resume", "transfer", "confirm", "close", "reopen"];
const shown = reactive({});
const folded = reactive({ history: false });

function reveal(fact) {
  const number = store.ticket.number;
  store.dialog = {
    kind: "reason", title: `查看${fact.title}`, hint: "查看会记入审计日志，请填写原因。", label: "原因",
    done: async (reason) => {
      const data = await attempt(() => desk.post(`/tickets/${number}/reveal`, { fact: fact.name, reason }));
      if (data) shown[`${number}:${fact.name}`] = data.value;
    },
  };
}

function facts(t) {
  return h("dl", { class: "pairs" }, [
    ...t.facts.map((f) => {
      const full = shown[`${t.number}:${f.name}`];
      const eye = f.masked && !full && may("secrets_reveal") ? plainButton([icon("eye")], () => reveal(f), { title: `查看完整${f.title}`, class: "tinybutton" }) : null;
      return pair(f.title, full ?? f.value, eye);
    }),
    pair("描述", t.full_summary || "（无）"),
  ]);
}

function clock(c, t) {
  const total = new Date(c.due_at) - new Date(c.started_at);
  const used = Math.min(1, Math.max(0, ((c.ended_at ? new Date(c.ended_at) : store.now) - new Date(c.started_at)) / total));
  const held = t.state === "on_hold" && c.clock === "resolution";
  const { level } = left(c.due_at, store.now, { held });
  const met = c.outcome === "met";
  const words = c.ended_at ? (met ? "按时完成" : c.outcome === "breached" || c.outcome === "missed" ? "超时完成" : "已结束") : null;
  return h("div", { key: c.clock, class: ["clock", c.ended_at ? (met ? "met" : "over") : level] }, [
    h("div", { class: "line" }, [h("span", clockTitle(c.clock)), words ? h("span", words) : dueChip(c.due_at, c.clock, { held, named: false })]),
    h("div", { class: "bar", role: "progressbar", "aria-label": `${clockTitle(c.clock)}用时`, "aria-valuemin": 0, "aria-valuemax": 100, "aria-valuenow": Math.round(used * 100) }, [h("i", { style: { width: `${used * 100}%` } })]),
    h("p", { class: "tiny" }, `${dayTime(c.due_at)}前`),
  ]);
}

function clocks(t) {
  const list = t.clocks?.length ? t.clocks : [
    { clock: "response", started_at: t.accepted_at, due_at: t.respond_by, ended_at: t.first_response_at, outcome: null },
    { clock: "resolution", started_at: t.accepted_at, due_at: t.resolve_by, ended_at: t.resolved_at, outcome: null },
  ];
  return h("div", { class: "clocks" }, list.map((c) => clock(c, t)));
}

// A step that needs nothing is taken at once.
const AT_ONCE = new Set(["claim", "resume", "close", "accept", "urge"]);

export async function startStep(step, number = store.ticket.number) {
  if (AT_ONCE.has(step.id)) {
    showTicket(await attempt(() => desk.post(`/tickets/${number}/${step.id}`, {})));
    return;
  }
  // A cause that is recorded already is filled in.
  store.dialog = { kind: "step", step, number, start: step.needs.includes("cause") ? { cause: store.ticket?.complaint?.cause } : {} };
}

function steps(t) {
  const main = t.steps.filter((s) => MAIN_STEPS.includes(s.id)).sort((a, b) => MAIN_STEPS.indexOf(a.id) - MAIN_STEPS.indexOf(b.id));
  const more = t.steps.filter((s) => !MAIN_STEPS.includes(s.id) && s.id !== "urge");
  if (!t.steps.length) return null;
  const others = [
    ...more.map((s) => [s.title, () => startStep(s)]),
    ...(may("approvals_ask") ? [["申请费用处理", () => { store.dialog = { kind: "approval", number: t.number }; }]] : []),
    ["合并到另一工单", () => { store.dialog = { kind: "merge", number: t.number }; }],
    ["拆分出新工单", () => { store.dialog = { kind: "split", number: t.number }; }],
  ];
  const button = (s, n, kind) => h(ElButton, { key: s.id, size: "small", type: n === 0 && kind ? "primary" : "default", plain: n !== 0, onClick: () => startStep(s) }, () => s.title);
  const mine = t.holder?.id === store.me.id;
  const first = main.filter((s) => !(mine && s.id === "claim"));
  return h("div", { class: "steps" }, [
    ...first.map((s, n) => button(s, n, true)),
    h(ElDropdown, { trigger: "click", maxHeight: "420px", onCommand: (go) => go() }, {
      default: () => h(ElButton, { size: "small" }, () => "更多 ▾"),
      dropdown: () => h(ElDropdownMenu, () => others.map(([title, go]) => h(ElDropdownItem, { key: title, command: go }, () => title))),
    }),
  ]);
}

async function tick(t, duty, done) {
  if (done && duty.needs.length) {
    store.dialog = { kind: "duty", number: t.number, duty };
    return;
  }
  await attempt(() => desk.post(`/tickets/${t.number}/duties/${duty.id}`, { done }));
  refreshTicket(t.number);
}

function complaint(t) {
  if (!t.complaint) return null;
  const { procedure, appealed_at: appealed, appeal_words: words } = t.complaint;
  const done = procedure.filter((d) => d.done).length;
  return h("section", { class: "part" }, [
    procedure.length ? h("h3", ["投诉处理步骤", h("span", { class: "tiny" }, `${done}/${procedure.length}`)]) : h("h3", "申诉预警"),
    appealed ? h("p", { class: "alarm", role: "alert" }, `客户提到${words}`) : null,
    h("ul", { class: "duties" }, procedure.map((d) =>
      h("li", { key: d.id, class: { done: d.done } }, [
        h(ElCheckbox, { modelValue: d.done, disabled: !may("tickets_work"), onChange: (value) => tick(t, d, value) }, () => d.title),
        h("span", { class: "tiny" }, d.done ? [d.by, " ", d.note ?? ""] : d.hint),
      ]))),
  ]);
}

const SUM_STATES = { open: ["待审批", "warning"], approved: ["已批准", "success"], refused: ["未批准", "danger"] };
async function decide(id, decision, note = "") {
  await attempt(() => desk.post(`/approvals/${id}/${decision}`, { note }));
  loadApprovals();
  openTicket(store.ticketNumber);
}
export const approve = (a) => decide(a.id, "approve");
export function refuse(a) {
  store.dialog = { kind: "reason", title: `不批准 ${a.kind_title}${a.amount}元`, hint: "申请人会看到原因。", label: "原因", done: (reason) => decide(a.id, "refuse", reason) };
}

function sums(t) {
  if (!t.approvals.length) return null;
  return h("section", { class: "part" }, [
    h("h3", "费用处理"),
    ...t.approvals.map((a) =>
      h("div", { key: a.id, class: "sum" }, [
        h("b", `${a.kind_title} ${a.amount}元`), h(ElTag, { size: "small", type: SUM_STATES[a.state][1], disableTransitions: true }, () => SUM_STATES[a.state][0]),
        h("p", { class: "tiny" }, [a.asked_by, "：", a.reason, a.decided_by ? ` · ${a.decided_by}${a.note ? `（${a.note}）` : ""}` : ""]),
        a.state === "open" && may("approvals_decide") && a.asked_by_id !== store.me.id
          ? h("div", [h(ElButton, { size: "small", type: "primary", onClick: () => approve(a) }, () => "批准"), h(ElButton, { size: "small", onClick: () => refuse(a) }, () => "不批准")])
          : null,
      ])),
  ]);
}

function history(t) {
  const lines = [...t.history].reverse();
  const few = folded.history ? lines : lines.slice(0, 6);
  return h("section", { class: "part" }, [
    h("h3", "处理记录"),
    h("ol", { class: "history" }, few.map((e) =>
      h("li", { key: e.seq }, [h("b", e.step_title), h("span", { class: "tiny" }, ` ${e.actor_title} ${dayTime(e.at)}`), e.to_state !== e.from_state && e.to_title ? h("span", { class: "tiny" }, ` → ${e.to_title}`) : null, e.reason ? h("p", e.reason) : null]))),
    lines.length > 6 ? plainButton(folded.history ? "收起" : `全部${lines.length}条`, () => { folded.history = !folded.history; }) : null,
  ]);
}

function related(t) {
  const rows = [...t.links.map((l) => ({ number: l.number, words: { merged: "已并入", merged_here: "并入本单", split: "拆自", split_here: "拆出" }[l.kind] })), ...t.related.map((r) => ({ number: r.number, words: `${r.type_title} · ${r.state_title}` }))];
  const unique = rows.filter((r, n) => rows.findIndex((o) => o.number === r.number) === n);
  if (!unique.length) return null;
  return h("section", { class: "part" }, [
    h("h3", "相关工单"),
    h("ul", { class: "related" }, unique.map((r) => h("li", { key: r.number }, [plainButton(r.number, () => openTicket(r.number), { class: "link" }), h("span", { class: "tiny" }, r.words)]))),
  ]);
}

function files(t) {
  const add = may("tickets_work")
    ? h("label", { class: "plain" }, [icon("clip"), "添加附件", h("input", { type: "file", class: "hidden", accept: "image/*,application/pdf", onChange: async (event) => { const [file] = event.target.files; if (file) await attempt(() => desk.upload(`/tickets/${t.number}/attachments`, file)); refreshTicket(t.number); } })])
    : null;
  if (!t.attachments.length && !add) return null;
  return h("section", { class: "part" }, [h("h3", "附件"), ...t.attachments.map((f) => h("a", { key: f.id, class: "filelink", href: f.url, target: "_blank", rel: "noopener" }, [icon("file"), f.name])), add]);
}

export function ticketBody(t) {
  return [
    h("header", { class: "tickethead" }, [
      h("h2", t.number),
      h("p", [h(ElTag, { size: "small", disableTransitions: true }, () => t.state_title), urgencyTag(t.urgency, t.urgency_title), h("span", t.type_title)]),
      h("p", { class: "tiny" }, [`${t.deadline_class_title}（${t.basis}）· ${t.team_title}`, t.holder ? ` · ${t.holder.title}` : " · 未接单", t.rung ? ` · 第${t.rung}级督办` : ""]),
    ]),
    clocks(t), steps(t), complaint(t), sums(t), h("section", { class: "part" }, [h("h3", "客户与诉求"), facts(t)]), files(t), related(t), history(t),
  ];
}

function whyNone(tickets) {
  if (!store.open) return "选择会话后显示客户的工单";
  if (!tickets.length) return "该客户还没有工单";
  const [row] = tickets.filter((each) => each.number === store.ticketNumber);
  return store.ticketHidden && row ? `工单${row.number}由${row.team_title}处理，接待该客户时可以查看` : "正在读取…";
}

export function ticketPanel() {
  const tickets = store.open?.tickets ?? [];
  const t = store.open && store.ticket;
  return h("aside", { class: "right", "aria-label": "工单" }, [
    tickets.length > 1
      ? h("div", { class: "tabs", role: "tablist" }, tickets.map((row) => h("button", { key: row.number, type: "button", role: "tab", "aria-selected": String(row.number === store.ticketNumber), class: { on: row.number === store.ticketNumber }, onClick: () => openTicket(row.number) }, [row.type_title, " ", row.state_title])))
      : null,
    t ? ticketBody(t) : h("div", { class: "noticket" }, [
      h("p", whyNone(tickets)),
      store.open && may("tickets_work") ? h(ElButton, { type: "primary", plain: true, onClick: () => { store.dialog = { kind: "open_ticket" }; } }, () => "登记工单") : null,
    ]),
    t && store.open && may("tickets_work") ? plainButton("为该客户再登记一个工单", () => { store.dialog = { kind: "open_ticket" }; }, { class: "centre" }) : null,
  ]);
}
