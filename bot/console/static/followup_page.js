// Call-backs and improvements (回访与改进): whom to call, what they said, what is done about a low mark.

import { h, reactive } from "vue";
import { ElButton, ElDialog, ElInput, ElMessage, ElRadioButton, ElRadioGroup, ElTag } from "element-plus";
import * as desk from "./desk.js";
import { attempt, may, onChange, openTicket, store } from "./store.js";
import { dueChip, headed, plainButton } from "./parts.js";
import { dayTime } from "./words.js";

const page = reactive({ calls: [], items: [], done: false, loaded: false, open: null, said: "", score: 0, words: "", busy: false });
export const OUTCOMES = { closed: "已闭环归档", reopened: "已重开，由上一级跟进", ask_score: "已确认解决，客户仍可评分", ask_solved: "已登记评分", noted: "已登记", not_reached: "已记入工单，请稍后再拨" };

export async function enterFollowup() {
  const [calls, items] = await Promise.all([attempt(() => desk.get("/calls")), may("improvements_lead") ? attempt(() => desk.get("/improvements", { done: page.done })) : null]);
  if (calls) page.calls = calls.calls;
  if (items) page.items = items.improvements;
  page.loaded = true;
}

let timer = 0;
onChange((news) => {
  if (store.page !== "followup" || !news.tickets.length) return;
  clearTimeout(timer);
  timer = setTimeout(enterFollowup, 500);
});

const ticketLink = (t) => plainButton(t.number, async () => { store.page = "tickets"; await openTicket(t.number); }, { class: "link" });

function begin(call) {
  Object.assign(page, { open: call, said: "", score: 0, words: "" });
}

async function record() {
  const { open, said, score, words } = page;
  if (!said || page.busy) return;
  const result = said === "missed" ? { reached: false } : { solved: said === "yes", score: score || undefined };
  page.busy = true;
  const data = await attempt(() => desk.post(`/calls/${open.ticket.number}`, { ...result, words: words.trim() || undefined }));
  page.busy = false;
  if (!data) return;
  page.open = null;
  ElMessage({ message: OUTCOMES[data.outcome] ?? "已登记", type: "success" });
  enterFollowup();
}

const radios = (key, label, pairs) => h("div", { class: "field" }, [h("span", { class: "label", id: `call-${key}` }, label), h(ElRadioGroup, { modelValue: page[key], "aria-labelledby": `call-${key}`, "onUpdate:modelValue": (v) => { page[key] = v; } }, () => pairs.map(([value, title]) => h(ElRadioButton, { key: value, value }, () => title)))]);

function dialog() {
  const t = page.open.ticket;
  return h(ElDialog, { modelValue: true, title: `登记回访 ${t.number}`, width: "480px", closeOnClickModal: false, "onUpdate:modelValue": () => { page.open = null; } }, {
    default: () => h("form", { class: "fields", onSubmit: (e) => { e.preventDefault(); record(); } }, [
      h("p", { class: "hint" }, `${t.type_title}：${t.summary}`),
      radios("said", "客户认为", [["yes", "已解决"], ["no", "未解决"], ["missed", "未接通"]]),
      page.said && page.said !== "missed" ? radios("score", "评价（可不填）", [1, 2, 3, 4, 5].map((n) => [n, `${n}分`])) : null,
      h("div", { class: "field" }, [h("label", { for: "call-words" }, "客户原话或说明"), h(ElInput, { id: "call-words", modelValue: page.words, type: "textarea", rows: 3, maxlength: 500, "onUpdate:modelValue": (v) => { page.words = v; } })]),
    ]),
    footer: () => [h(ElButton, { onClick: () => { page.open = null; } }, () => "取消"), h(ElButton, { type: "primary", disabled: !page.said, loading: page.busy, onClick: record }, () => "登记")],
  });
}

function finish(item) {
  store.dialog = {
    kind: "reason", title: `登记改进措施 ${item.ticket.number}`, hint: item.reason, label: "了解到的情况和改进措施",
    done: async (result) => { await attempt(() => desk.post(`/improvements/${item.id}/finish`, { result })); enterFollowup(); },
  };
}

const late = (yes) => (yes ? h(ElTag, { type: "danger", size: "small", disableTransitions: true }, () => "已超期") : null);

function callsPart() {
  if (!page.calls.length) return h("p", { class: "nothing", role: "status" }, page.loaded ? "没有待电话回访的工单" : "正在读取…");
  return headed(["工单号", "诉求", "团队", "处理人", "联系电话", "办结时间", "已询问", "期限", "操作"], page.calls.map((c) => h("tr", { key: c.ticket.number }, [
    h("td", [ticketLink(c.ticket)]), h("td", c.ticket.type_title), h("td", c.ticket.team_title), h("td", c.ticket.holder?.title ?? "—"), h("td", c.phone || "—"), h("td", dayTime(c.resolved_at)), h("td", `${c.asked}次`),
    h("td", c.late ? [late(true), h("span", { class: "tiny" }, ` ${dayTime(c.given_up_at)}归档`)] : [dueChip(c.due_at, "survey")]),
    h("td", [h(ElButton, { size: "small", type: "primary", "aria-label": `登记结果 ${c.ticket.number}`, onClick: () => begin(c) }, () => "登记结果")]),
  ])));
}

function improvementsPart() {
  return h("section", [
    h("div", { class: "titleline" }, [h("h1", "改进事项"), h("span", { class: "tiny" }, "客户评1分、2分的工单，24小时内登记改进措施"), h("span", { class: "fill" }), h(ElRadioGroup, { modelValue: page.done, size: "small", "aria-label": "显示", "onUpdate:modelValue": (v) => { page.done = v; enterFollowup(); } }, () => [h(ElRadioButton, { value: false }, () => "待登记"), h(ElRadioButton, { value: true }, () => "已登记")])]),
    page.items.length ? headed(["工单号", "诉求", "团队", "处理人", "评价", page.done ? "措施" : "期限", page.done ? "登记" : "操作"], page.items.map((i) => h("tr", { key: i.id }, [
      h("td", [ticketLink(i.ticket)]), h("td", i.ticket.type_title), h("td", i.ticket.team_title), h("td", i.ticket.holder?.title ?? "—"), h("td", { class: "words" }, i.reason),
      page.done ? h("td", { class: "words" }, i.result) : h("td", i.late ? [late(true)] : [dueChip(i.due_at, "improvement")]),
      page.done ? h("td", `${i.owner ?? ""} ${dayTime(i.done_at)}`) : h("td", [h(ElButton, { size: "small", "aria-label": `登记措施 ${i.ticket.number}`, onClick: () => finish(i) }, () => "登记措施")]),
    ]))) : h("p", { class: "nothing" }, page.done ? "还没有登记过改进措施" : "没有待登记的改进事项"),
  ]);
}

export function followupPage() {
  return h("main", { class: "plainpage more", id: "main" }, [
    h("div", { class: "titleline" }, [h("h1", "电话回访"), h("span", { class: "tiny" }, "办结后多次询问未答复、须由人工回访的工单")]),
    callsPart(),
    may("improvements_lead") ? improvementsPart() : null,
    page.open ? dialog() : null,
  ]);
}
