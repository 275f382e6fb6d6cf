// The audit log (审计日志) in the words of the trade: who did what to what, and why.

import { h, reactive } from "vue";
import { ElButton } from "element-plus";
import * as desk from "./desk.js";
import { attempt, store } from "./store.js";
import { OUTCOMES } from "./followup_page.js";
import { headed } from "./parts.js";
import { dayTime } from "./words.js";

const page = reactive({ entries: [], before: null, chain: null });

const ACTIONS = {
  signed_in: "登录", signed_out: "退出", signed_out_everywhere: "退出所有设备", sign_in_failed: "登录失败", refused: "拒绝访问", staff_added: "新增账号",
  staff_changed: "修改账号", staff_disabled: "停用账号", staff_enabled: "启用账号", password_changed: "修改密码", password_reset: "重置密码", qualification_set: "登记资质",
  capacity_set: "调整接待上限", presence_set: "设置在岗状态", revealed: "查看脱敏信息", language_overridden: "用语强制发送", ticket_step: "工单操作", ticket_opened: "登记工单",
  conversation_claimed: "接入会话", conversation_handed_back: "转回机器人", conversation_transferred: "转接会话", conversation_ended: "结束会话",
  approval_asked: "申请费用处理", approval_within_limit: "权限内费用处理", approval_approved: "批准费用处理", approval_refused: "不批准费用处理", audit_exported: "导出审计日志",
  incident_opened: "建立突发事件", incident_widened: "扩大突发事件", incident_split: "移出突发事件", incident_ended: "结束突发事件", delivery_sent_again: "重发通知",
  call_recorded: "登记回访", improvement_finished: "登记改进措施", figures_exported: "导出指标", figures_compared: "夜间核对", figures_corrected: "更正已存指标",
  rules_adopted: "启用用语规则", model_switch: "切换模型", model_rollback: "退回模型", model_automatic: "自动退回模型", model_override: "未达标仍切换模型",
  model_canary: "试用模型", model_canary_end: "结束试用模型", model_shadow: "旁路对照模型", model_shadow_end: "结束旁路对照",
};
const SUBJECTS = { ticket: "工单", conversation: "会话", message: "消息", staff: "账号", customer: "客户", incident: "突发事件", delivery: "通知", model: "模型", language: "用语规则", day: "日期", figures: "指标", improvement: "改进措施", audit: "审计日志" };
const PARTS = {
  reason: "原因", note: "说明", amount: "金额", kind: "方式", team: "团队", teams: "团队", to: "到", role: "角色", step: "操作", fact: "项目", rules: "规则", address: "登录地址",
  permission: "权限", code: "代码", status: "状态码", from: "从", state: "状态", number: "工单", skill: "资质", until: "有效期至", capacity: "上限", presence: "在岗状态", type: "诉求类型", urgency: "紧急程度", where: "范围", locked: "已锁定", entries: "行数",
  solved: "已解决", score: "评分", outcome: "结果", result: "措施", names: "区域", joined: "并入", numbers: "工单", left: "移出", sender: "方式", error: "未送达原因", format: "格式", tickets: "工单", day: "日期",
  changes: "更正", events: "事件", figures: "指标", differences: "不一致", before: "此前", checked_again: "重新检查", previous: "此前的模型", share: "会话比例", turns: "对话轮次", first: "首个账号", ended: "退出设备",
  conversation: "会话", left_out: "未逐条记录",
};
// Keys and names of figures are for machines; what is left out of the sentence is in the line's tooltip.
const LEFT_OUT = new Set(["id", "epoch", "at", "ticket", "name", "by", "group", "part", "cause", "risk"]);
const CODES = {
  forbidden: "没有权限", csrf: "页面已失效", password_change_required: "须先修改密码", rate_limited: "操作过于频繁", not_qualified: "没有所需资质", approval_refused: "不能审批", unauthorized: "登录已失效",
  webhook: "消息推送", mail: "邮件", customer: "客户渠道", console: "工作台", csv: "CSV", xlsx: "Excel",
};

function worded(value) {
  if (Array.isArray(value)) return typeof value[0] === "object" ? `${value.length}处` : value.map(worded).join("、");
  if (typeof value === "boolean") return value ? "是" : "否";
  if (value && typeof value === "object") return JSON.stringify(value);
  const { teams, roles, permissions, steps, states, authority, skills, types, urgencies, presences } = store.tables;
  const titles = [teams[value], roles[value], permissions[value], CODES[value], steps[value]?.title, states[value], authority.find((a) => a.id === value)?.title, skills[value], types[value]?.title, urgencies[value], presences.find((p) => p.id === value)?.title, OUTCOMES[value]];
  return titles.find(Boolean) ?? String(value);
}

function partOf(key, value) {
  if (key === "fact") return store.tables.facts[value] ?? value;
  if (key === "conversation") return value.slice(-6);
  if (key === "to") return store.people.find((p) => p.id === value)?.title ?? worded(value);
  return worded(value);
}

const empty = (value) => value === null || value === "" || (Array.isArray(value) && !value.length);
const told = (data) =>
  Object.entries(data).filter(([key, value]) => !LEFT_OUT.has(key) && !empty(value)).map(([key, value]) => `${PARTS[key] ?? key} ${partOf(key, value)}`).join("；");

// A conversation is named as in the lists, by the end of its id.
function about(subject) {
  const [kind, ...rest] = subject.split(":");
  const name = rest.join(":");
  return SUBJECTS[kind] ? `${SUBJECTS[kind]} ${kind === "conversation" ? name.slice(-6) : name}` : "系统接口";
}

export async function loadAudit(before) {
  const data = await attempt(() => desk.get("/audit", { limit: 50, before }));
  if (!data) return;
  page.entries = before ? [...page.entries, ...data.entries] : data.entries;
  page.before = data.before;
}

async function verify() {
  page.chain = await attempt(() => desk.get("/audit/verify"));
}

const line = (e) =>
  h("tr", { key: e.id }, [
    h("td", e.id), h("td", dayTime(e.at)), h("td", e.staff === "system" ? "系统" : e.staff || "—"), h("td", ACTIONS[e.action] ?? e.action),
    h("td", { title: e.subject }, about(e.subject)), h("td", { class: "summary", title: JSON.stringify(e.data) }, told(e.data)),
  ]);

export function audit() {
  return h("section", [
    h("h1", "审计日志"),
    h("div", { class: "filters" }, [
      h(ElButton, { onClick: verify }, () => "校验"), h("a", { class: "plain", href: "/api/v1/staff/audit/export" }, "导出CSV"),
      page.chain ? h("span", { role: "status" }, page.chain.intact ? `共${page.chain.entries}行，校验通过` : `第${page.chain.break.id}行：${page.chain.break.what}`) : null,
    ]),
    headed(["序号", "时间", "人员", "操作", "对象", "内容"], page.entries.map(line)),
    page.before ? h("div", { class: "centre" }, [h(ElButton, { onClick: () => loadAudit(page.before) }, () => "更多")]) : null,
  ]);
}
