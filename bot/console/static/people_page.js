// Approvals, notices, colleagues and accounts (审批、通知、同事、账号).

import { h, reactive } from "vue";
import { ElButton, ElInput, ElMessage, ElOption, ElSelect, ElTag } from "element-plus";
import * as desk from "./desk.js";
import { attempt, loadNotices, loadPeople, may, openConversation, openTicket, store } from "./store.js";
import { headed, plainButton } from "./parts.js";
import { audit, loadAudit } from "./audit_part.js";
import { approve, refuse } from "./ticket_panel.js";
import { dayTime, since, span } from "./words.js";

const page = reactive({ accounts: [], account: { name: "", title: "", role: "staff", teams: [] }, opened: null });

async function showTicket(number) {
  store.page = "tickets";
  await openTicket(number);
}

function notice(n) {
  return h("li", { key: n.id }, [
    h("div", [
      h("p", n.text),
      h("p", { class: "tiny" }, [
        dayTime(n.created_at),
        n.ticket ? plainButton("查看工单", () => showTicket(n.ticket), { class: "link" }) : null,
        n.conversation ? plainButton("查看会话", () => openConversation(n.conversation), { class: "link" }) : null,
      ]),
    ]),
    plainButton("已阅", async () => { await attempt(() => desk.post(`/notices/${n.id}/read`)); loadNotices(); }),
  ]);
}

export function approvalsPage() {
  return h("main", { class: "plainpage", id: "main" }, [
    h("h1", "待审批"),
    store.approvals.length ? h("ul", { class: "rows" }, store.approvals.map((a) =>
      h("li", { key: a.id }, [
        h("div", [h("b", `${a.kind_title} ${a.amount}元`), plainButton(a.ticket, () => showTicket(a.ticket), { class: "link" }), h("p", a.reason), h("p", { class: "tiny" }, `${a.asked_by} ${dayTime(a.asked_at)}`)]),
        a.asked_by_id === store.me.id ? h("span", { class: "tiny" }, "需由其他班长审批") : h("div", { class: "acts" }, [h(ElButton, { type: "primary", onClick: () => approve(a) }, () => "批准"), h(ElButton, { onClick: () => refuse(a) }, () => "不批准")]),
      ]))) : h("p", { class: "nothing" }, "没有待审批的申请"),
    h("h1", "通知"),
    store.notices.length ? h("ul", { class: "rows" }, store.notices.map(notice)) : h("p", { class: "nothing" }, "没有未读通知"),
  ]);
}

const PRESENCE_SIGN = { duty: "success", break: "warning" };

export async function enterPeople() {
  loadPeople();
  if (may("staff_manage")) {
    const data = await attempt(() => desk.get("/accounts"));
    if (data) page.accounts = data.accounts;
  }
  if (may("audit_read")) loadAudit();
}

function person(p) {
  const title = store.tables.presences.find((each) => each.id === p.presence)?.title ?? p.presence;
  return h("tr", { key: p.id }, [
    h("td", p.title), h("td", store.tables.roles[p.role]), h("td", p.teams.map((t) => store.tables.teams[t] ?? t).join("、") || "全部"),
    h("td", [h(ElTag, { type: PRESENCE_SIGN[p.presence] ?? "info", size: "small", disableTransitions: true }, () => (p.presence_reason ? `${title} · ${p.presence_reason}` : title)), p.presence_since ? h("span", { class: "tiny" }, ` ${span(since(p.presence_since, store.now))}`) : null, may("presence_team") && p.has_presence && p.id !== store.me.id ? plainButton("设置", () => attend(p), { title: `设置${p.title}的在岗状态` }) : null]),
    h("td", [`${p.holds}/${p.capacity}`, may("presence_team") ? plainButton("调整", () => limit(p), { title: `调整${p.title}的接待上限` }) : null]),
    h("td", p.lapsing.length ? h(ElTag, { type: "warning", size: "small" }, () => `${p.lapsing.map((s) => store.tables.skills[s]).join("、")}即将到期`) : Object.keys(p.qualifications).map((s) => store.tables.skills[s]).join("、") || "—"),
  ]);
}

function limit(p) {
  store.dialog = {
    kind: "capacity", name: p.title, start: { capacity: String(p.capacity) },
    done: async (capacity) => { const done = await attempt(() => desk.post(`/people/${p.id}/capacity`, { capacity })); loadPeople(); return done; },
  };
}

function attend(p) {
  store.dialog = {
    kind: "presence", name: p.title,
    done: async (presence, reason) => { const done = await attempt(() => desk.post(`/people/${p.id}/presence`, { presence, reason })); loadPeople(); return done; },
  };
}

async function addAccount(event) {
  event.preventDefault();
  const data = await attempt(() => desk.post("/accounts", { ...page.account }));
  if (!data) return;
  page.opened = { name: data.account.name, password: data.password };
  page.account = { name: "", title: "", role: "staff", teams: [] };
  enterPeople();
}

async function changeAccount(account, body) {
  const data = await attempt(() => desk.post(`/accounts/${account.id}`, body));
  if (data?.password) page.opened = { name: account.name, password: data.password };
  if (data) ElMessage({ message: "已保存", type: "success" });
  enterPeople();
  return data;
}

function accountActs(s) {
  const edit = (kind, start) => () => { store.dialog = { kind, name: s.title, start, done: (body) => changeAccount(s, body) }; };
  const others = s.id === store.me.id ? [] : [
    plainButton("修改", edit("account", { title: s.title, role: s.role, teams: [...s.teams] })),
    plainButton("重置密码", () => changeAccount(s, { reset_password: true })),
    plainButton(s.disabled_at ? "启用" : "停用", () => changeAccount(s, { disabled: !s.disabled_at })),
  ];
  return [plainButton("资质", edit("qualification", {})), ...others];
}

function accounts() {
  const a = page.account;
  const input = (key, label) => h(ElInput, { modelValue: a[key], placeholder: label, "aria-label": label, class: "search", maxlength: 64, "onUpdate:modelValue": (v) => { a[key] = v; } });
  return h("section", [
    h("h1", "账号"),
    h("form", { class: "filters", onSubmit: addAccount }, [
      input("name", "账号"), input("title", "显示名，客户可见"),
      h(ElSelect, { modelValue: a.role, "aria-label": "角色", class: "filter", "onUpdate:modelValue": (v) => { a.role = v; } }, () => Object.entries(store.tables.roles).map(([value, label]) => h(ElOption, { key: value, value, label }))),
      h(ElSelect, { modelValue: a.teams, multiple: true, collapseTags: true, placeholder: "团队（空为全部）", "aria-label": "团队", class: "search", "onUpdate:modelValue": (v) => { a.teams = v; } }, () => Object.entries(store.tables.teams).map(([value, label]) => h(ElOption, { key: value, value, label }))),
      h(ElButton, { type: "primary", nativeType: "submit", disabled: !a.name.trim() }, () => "新增"),
    ]),
    page.opened ? h("p", { class: "secret", role: "status" }, [`${page.opened.name} 的初始密码：`, h("code", page.opened.password), "，只显示这一次，首次登录须修改。"]) : null,
    headed(["账号", "显示名", "角色", "最近在线", "状态", "操作"], page.accounts.map((s) =>
      h("tr", { key: s.id }, [h("td", s.name), h("td", s.title), h("td", store.tables.roles[s.role]), h("td", s.seen_at ? dayTime(s.seen_at) : "—"), h("td", s.disabled_at ? "已停用" : s.locked_until && new Date(s.locked_until) > store.now ? "已锁定" : "正常"),
        h("td", accountActs(s))]))),
  ]);
}

export function peoplePage() {
  return h("main", { class: "plainpage", id: "main" }, [
    h("h1", "同事"),
    headed(["姓名", "角色", "团队", "状态", "接待", "资质"], store.people.map(person)),
    may("staff_manage") ? accounts() : null,
    may("audit_read") ? audit() : null,
  ]);
}
