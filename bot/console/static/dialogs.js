// Dialogs (对话框): reasons, steps, transfer, a new ticket, sums, merging, the keys.

import { h, reactive, watch } from "vue";
import { ElButton, ElDialog, ElInput, ElOption, ElSelect } from "element-plus";
import * as desk from "./desk.js";
import { act, attempt, loadApprovals, openTicket, presenceChoices, refreshConversation, showTicket, store } from "./store.js";
import { KEYS } from "./keys.js";

const form = reactive({});
const close = () => { store.dialog = null; };
watch(() => store.dialog, () => {
  for (const key of Object.keys(form)) delete form[key];
  Object.assign(form, { busy: false, ...store.dialog?.start });
});

const options = (pairs) => pairs.map(([value, label]) => h(ElOption, { key: value, value, label }));
const select = (key, label, pairs, more = {}) => field(label, (id) => h(ElSelect, { id, modelValue: form[key], placeholder: "请选择", filterable: true, "onUpdate:modelValue": (v) => { form[key] = v; }, ...more }, () => options(pairs)));
const text = (key, label, more = {}) => field(label, (id) => h(ElInput, { id, modelValue: form[key] ?? "", type: "textarea", rows: 3, maxlength: 500, "onUpdate:modelValue": (v) => { form[key] = v; }, ...more }));
const line = (key, label, more = {}) => text(key, label, { type: "text", ...more });
function field(label, control) {
  const id = `field-${label}`;
  return h("div", { class: "field" }, [h("label", { for: id }, label), control(id)]);
}

const types = () => Object.entries(store.tables.types).map(([id, t]) => [id, t.title]);
const teams = () => Object.entries(store.tables.teams);
const urgencies = () => Object.entries(store.tables.urgencies);
const colleagues = () => store.people.filter((p) => p.id !== store.me.id && p.connected && store.tables.presences.find((each) => each.id === p.presence)?.takes_work).map((p) => [p.id, `${p.title}（${p.holds}/${p.capacity}）`]);

const causeOf = () => select("cause", "投诉原因", (store.ticket?.complaint?.causes ?? []).map((c) => [c.id, c.title]));
const NEEDS = {
  reason: () => text("reason", "原因或说明"),
  hold_reason: () => select("hold_reason", "挂起原因", store.tables.hold_reasons.map((r) => [r.id, `${r.title}（最长${r.longest_h}小时）`])),
  team: () => select("team", "转到团队", teams()),
  person: () => select("person", "指派给", store.people.map((p) => [p.id, p.title])),
  by: () => field("承诺时间", (id) => h("input", { id, type: "datetime-local", class: "native", value: form.by ?? "", onInput: (e) => { form.by = e.target.value; } })),
  cause: causeOf,
  said: () => [text("reason", "客户在电话中的答复"), select("score", "客户评分（客户没有评分时不填）", [1, 2, 3, 4, 5].map((n) => [n, `${n}分`]), { clearable: true })],
};
// What a need is filled in as, where it has no field of its own name.
const FIELD_OF = { said: "reason" };

async function takeStep({ step, number }) {
  const body = { ...form, busy: undefined };
  if (body.by) body.by = `${body.by}:00+08:00`;
  const data = await attempt(() => desk.post(`/tickets/${number}/${step.id}`, body));
  if (!data) return false;
  showTicket(data);
  refreshConversation();
  return true;
}

const DIALOGS = {
  reason: (d) => ({ title: d.title, hint: d.hint, body: [(d.short ? line : text)("reason", d.label, d.short ? { maxlength: d.short } : {})], ready: () => form.reason?.trim(), go: async () => { await d.done(form.reason.trim()); return true; } }),
  step: (d) => ({
    title: `${d.step.title} · ${d.number}`,
    hint: d.step.id === "confirm" ? "与客户通话确认问题已解决后登记。系统会告知客户，客户没有评分的会请客户评分。" : d.step.id === "resolve" && store.ticket?.complaint?.procedure.some((p) => !p.done && !p.needs.includes("cause")) ? "投诉处理步骤还没有全部完成，办结会记录未完成的步骤。" : d.step.id === "note" ? "处理记录中的号码一律脱敏显示。要留号码给同事，请写在会话的“备注”里，同事填写原因后可以查看。" : null,
    body: [
      ...(d.step.id === "reclassify" ? [select("type", "诉求类型", types()), select("urgency", "紧急程度", urgencies())] : []),
      ...d.step.needs.flatMap((need) => NEEDS[need]?.()),
      ...(d.step.id === "claim" || d.step.needs.includes("reason") || d.step.needs.includes("said") ? [] : [text("reason", "说明（可不填）")]),
    ],
    ready: () => d.step.needs.every((need) => form[FIELD_OF[need] ?? need]),
    go: () => takeStep(d),
  }),
  transfer: () => ({
    title: "转接会话", hint: "会话排到对方队列最前，对方能看到全部记录。",
    body: [select("team", "转到团队", teams()), select("person", "或直接转给同事", colleagues(), { clearable: true }), text("note", "留给对方的备注")],
    ready: () => form.team || form.person, go: () => act("transfer", { team: form.team, person: form.person, note: form.note, epoch: store.open.conversation.epoch }),
  }),
  end: () => ({ title: "结束会话", hint: "会向客户发送结束语。客户再次发消息时由智能客服接待。", body: [], ready: () => true, go: () => act("end", { epoch: store.open.conversation.epoch }) }),
  open_ticket: () => ({
    title: "登记工单", body: [
      select("type", "诉求类型", types()), select("urgency", "紧急程度", urgencies()), text("summary", "诉求描述"), line("phone_number", "联系电话"), line("address", "地址"),
    ],
    ready: () => form.type && form.summary?.trim(),
    go: async () => {
      const facts = Object.fromEntries(["phone_number", "address"].filter((k) => form[k]).map((k) => [k, form[k]]));
      const data = await attempt(() => desk.post(`/conversations/${store.openId}/tickets`, { type: form.type, urgency: form.urgency ?? "general", summary: form.summary, facts }));
      if (!data) return false;
      await refreshConversation();
      await openTicket(data.ticket.number);
      return true;
    },
  }),
  approval: (d) => ({
    title: "申请费用处理", hint: `权限内直接生效：${store.tables.authority.map((a) => `${a.title}${a.limit}元`).join("、")}；超过的由班长审批，批准前不能向客户承诺。`,
    body: [select("kind", "方式", store.tables.authority.map((a) => [a.id, a.title])), line("amount", "金额（元）", { inputmode: "decimal" }), text("reason", "理由")],
    ready: () => form.kind && Number(form.amount) > 0 && form.reason?.trim(),
    go: async () => {
      const data = await attempt(() => desk.post(`/tickets/${d.number}/approvals`, { kind: form.kind, amount: form.amount, reason: form.reason }));
      showTicket(data);
      loadApprovals();
      return Boolean(data);
    },
  }),
  duty: (d) => ({
    title: d.duty.title, hint: d.duty.hint,
    body: [d.duty.needs.includes("cause") ? causeOf() : null, text("note", "说明")],
    ready: () => (!d.duty.needs.includes("cause") || form.cause) && (!d.duty.needs.includes("note") || form.note?.trim()),
    go: async () => {
      const data = await attempt(() => desk.post(`/tickets/${d.number}/duties/${d.duty.id}`, { done: true, note: form.note, cause: form.cause }));
      showTicket(data);
      return Boolean(data);
    },
  }),
  merge: (d) => ({
    title: `合并 ${d.number}`, hint: store.ticket?.related.length ? "本工单作为重复工单撤销，诉求并入另一工单。只能合并同一客户的工单。" : "没有可以并入的工单：只能合并同一客户的工单。",
    body: [select("into", "并入", (store.ticket?.related ?? []).map((r) => [r.number, `${r.number} ${r.type_title}`])), text("reason", "原因")],
    ready: () => form.into && form.reason?.trim(),
    go: async () => {
      const data = await attempt(() => desk.post(`/tickets/${d.number}/merge`, { into: form.into, reason: form.reason }));
      if (data) await openTicket(data.number);
      return Boolean(data);
    },
  }),
  qualification: (d) => ({
    title: `登记资质 · ${d.name}`, hint: "过期后不能接入要求该资质的会话和工单，到期前30天提醒班长。",
    body: [
      select("skill", "资质", Object.entries(store.tables.skills)),
      field("有效期至", (id) => h("input", { id, type: "date", class: "native", value: form.until ?? "", onInput: (e) => { form.until = e.target.value; } })),
    ],
    ready: () => form.skill && form.until, go: () => d.done({ skill: form.skill, until: form.until }),
  }),
  account: (d) => ({
    title: `修改账号 · ${d.name}`, hint: "团队为空表示全部团队。",
    body: [
      line("title", "显示名，客户可见", { maxlength: 64 }), select("role", "角色", Object.entries(store.tables.roles)),
      select("teams", "团队", teams(), { multiple: true, collapseTags: true }),
    ],
    ready: () => form.title?.trim() && form.role, go: () => d.done({ title: form.title.trim(), role: form.role, teams: form.teams }),
  }),
  capacity: (d) => ({
    title: `接待上限 · ${d.name}`, hint: "同时接待的会话数，0到50。", body: [line("capacity", "上限", { inputmode: "numeric", maxlength: 2 })],
    ready: () => /^\d+$/.test(form.capacity ?? "") && Number(form.capacity) <= 50, go: () => d.done(Number(form.capacity)),
  }),
  presence: (d) => {
    const choices = presenceChoices();
    return {
      title: `在岗状态 · ${d.name}`, hint: "代同事设置，本人的工作台随即显示，并记入审计日志。工作台没有打开的同事不会被派单。",
      body: [select("presence", "设为", choices.map(([, , label], n) => [n, label]))],
      ready: () => choices[form.presence], go: () => d.done(...choices[form.presence]),
    };
  },
  split: (d) => ({
    title: `拆分 ${d.number}`, hint: "为另一件事登记新的工单，计时从原工单开始。",
    body: [select("type", "诉求类型", types()), select("urgency", "紧急程度", urgencies()), text("summary", "诉求描述")],
    ready: () => form.type && form.summary?.trim(),
    go: async () => {
      const data = await attempt(() => desk.post(`/tickets/${d.number}/split`, { type: form.type, urgency: form.urgency, summary: form.summary }));
      if (data) await openTicket(data.number);
      return Boolean(data);
    },
  }),
};

function keysHelp() {
  return h("dl", { class: "keys" }, KEYS.map(([keys, words]) => h("div", { key: words }, [h("dt", keys.split(" ").map((k) => h("kbd", { key: k }, k))), h("dd", words)])));
}

// A choice keeps Esc to itself, also while its list is closed.
function leaveOnEscape(event) {
  if (event.key === "Escape" && event.target.getAttribute("aria-expanded") === "false") close();
}

export function dialogs() {
  const d = store.dialog;
  if (!d) return null;
  if (d.kind === "keys") {
    return h(ElDialog, { modelValue: true, title: "快捷键", width: "520px", "onUpdate:modelValue": close }, { default: keysHelp });
  }
  const spec = DIALOGS[d.kind](d);
  const go = async () => {
    if (!spec.ready() || form.busy) return;
    form.busy = true;
    const done = await spec.go();
    form.busy = false;
    // A dialog that opened another one has been replaced already.
    if (done && store.dialog === d) close();
  };
  return h(
    ElDialog,
    { modelValue: true, title: spec.title, width: "480px", closeOnClickModal: false, "onUpdate:modelValue": close, onOpened: () => document.querySelector(".el-dialog .field input, .el-dialog textarea")?.focus() },
    {
      default: () => h("form", { class: "fields", onKeydownCapture: leaveOnEscape, onSubmit: (e) => { e.preventDefault(); go(); }, onKeydown: (e) => { if (e.key === "Enter" && (e.ctrlKey || e.metaKey)) go(); } }, [spec.hint ? h("p", { class: "hint" }, spec.hint) : null, ...spec.body]),
      footer: () => [h(ElButton, { onClick: close }, () => "取消"), h(ElButton, { type: "primary", disabled: !spec.ready(), loading: form.busy, onClick: go }, () => "确定")],
    },
  );
}
