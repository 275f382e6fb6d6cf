// Incidents (突发事件): which are open, who holds them until when, which tickets they hold; open, widen, split, end.

import { h, reactive } from "vue";
import { ElButton, ElCheckbox, ElInput, ElMessage, ElMessageBox, ElOption, ElRadioButton, ElRadioGroup, ElSelect, ElTag } from "element-plus";
import * as desk from "./desk.js";
import { attempt, onChange, openTicket, store } from "./store.js";
import { dueChip, headed, plainButton } from "./parts.js";
import { dayTime } from "./words.js";

const page = reactive({ ended: false, rows: [], types: [], levels: {}, open: null, picked: new Set(), beside: new Set(), more: "", form: { type: "", level: "community", address: "" }, busy: false, loaded: false });
const KINDS = { open: "danger", restored: "success", ending: "warning", ended: "info" };

export async function enterIncidents() {
  const data = await attempt(() => desk.get("/incidents", { ended: page.ended }));
  if (!data) return;
  Object.assign(page, { rows: data.incidents, types: data.types, levels: data.levels, loaded: true });
  page.form.type ||= data.types[0];
  if (page.open) await show(page.open.id, { keep: true });
}

let timer = 0;
onChange((news) => {
  if (store.page !== "incidents" || !news.tickets.length) return;
  clearTimeout(timer);
  timer = setTimeout(enterIncidents, 500);
});

async function show(id, { keep = false } = {}) {
  const data = await attempt(() => desk.get(`/incidents/${id}`));
  page.open = data;
  if (!keep) {
    page.picked = new Set();
    page.beside = new Set();
  }
}

async function goTicket(number) {
  store.page = "tickets";
  await openTicket(number);
}

// What changes many tickets and tells their customers is asked twice.
const sure = (words, title, confirm) => ElMessageBox.confirm(words, title, { confirmButtonText: confirm, cancelButtonText: "取消", type: "warning" }).then(() => true, () => false);

async function change(path, body, words) {
  page.busy = true;
  const data = await attempt(() => desk.post(path, body));
  page.busy = false;
  if (!data) return false;
  page.open = data;
  page.picked = new Set();
  page.beside = new Set();
  ElMessage({ message: words(data), type: "success" });
  await enterIncidents();
  return true;
}

async function openOne(event) {
  event.preventDefault();
  const body = { ...page.form, address: page.form.address.trim() };
  if (!body.address || page.busy) return;
  const seen = await attempt(() => desk.get("/incidents/preview", body));
  if (!seen) return;
  const title = store.tables.types[body.type]?.title ?? body.type;
  const words = seen.reports ? `近期有${seen.reports}个同类报障将并入，并向这些客户发送公告。` : "目前没有同类报障，之后来自该区域的报障会自动并入。";
  if (!(await sure(`在“${seen.where}”建立${title}突发事件？${words}`, "建立突发事件", "建立"))) return;
  if (await change("/incidents", body, () => "已建立")) page.form.address = "";
}

const idle = () => page.open?.state !== "open" || page.busy;

async function widen() {
  const names = [...page.beside, ...page.more.split(/[，,、\s]+/).filter(Boolean)];
  if (!names.length) return;
  if (!(await sure(`把${names.join("、")}加入本事件？这些区域的近期报障会并入，并向客户发送公告。`, "扩大范围", "扩大"))) return;
  if (await change(`/incidents/${page.open.id}/widen`, { names }, (d) => `已扩大，并入${d.joined}个工单`)) page.more = "";
}

function split(own) {
  const numbers = [...page.picked];
  const { id } = page.open;
  const hint = own ? "移出的工单另立一个突发事件，时限从其中最早的报障算起，并告知客户。" : "移出后工单恢复各自的时限，并告知客户。";
  store.dialog = { kind: "reason", title: `移出${numbers.length}个工单${own ? "并另立事件" : ""}`, hint, label: "原因", done: (reason) => change(`/incidents/${id}/split`, { numbers, reason, own }, (d) => `已移出${d.left}个工单${d.own ? `，另立“${d.own.where}”` : ""}`) };
}

function end() {
  const { id, where, unserved } = page.open;
  store.dialog = { kind: "reason", title: `结束“${where}”`, hint: `仅用于误报：${unserved}个工单恢复各自的时限并告知客户。故障已修复的，请在群障工单上办结。`, label: "原因", done: (reason) => change(`/incidents/${id}/end`, { reason }, () => "已结束") };
}

const choose = (key, label, pairs) => h(ElSelect, { modelValue: page.form[key], "aria-label": label, class: "filter", "onUpdate:modelValue": (v) => { page.form[key] = v; } }, () => pairs.map(([value, title]) => h(ElOption, { key: value, value, label: title })));

function openForm() {
  return h("form", { class: "filters openform", onSubmit: openOne }, [
    h("b", "建立"),
    choose("type", "故障类型", page.types.map((t) => [t, store.tables.types[t]?.title ?? t])),
    choose("level", "范围", Object.entries(page.levels)),
    h(ElInput, { modelValue: page.form.address, class: "search wider", maxlength: 100, placeholder: page.form.level === "cell" ? "基站小区名称" : "区域，如：城关区幸福小区", "aria-label": "区域", "onUpdate:modelValue": (v) => { page.form.address = v; } }),
    h(ElButton, { type: "primary", nativeType: "submit", disabled: !page.form.address.trim() || page.busy }, () => "建立"),
  ]);
}

function expected(i) {
  if (!i.expected_at) return "—";
  return [dayTime(i.expected_at), " ", dueChip(i.expected_at, "resolution", { held: i.ticket.paused, named: false }), i.delayed ? h(ElTag, { type: "warning", size: "small", disableTransitions: true }, () => "已延期") : null];
}

function row(i) {
  const on = page.open?.id === i.id;
  return h("tr", { key: i.id, class: { on } }, [
    h("td", [plainButton(i.where, () => show(i.id), { class: "link" })]),
    h("td", i.symptom),
    h("td", [h(ElTag, { type: KINDS[i.state], size: "small", disableTransitions: true }, () => i.state_title)]),
    h("td", [plainButton(i.ticket.number, () => goTicket(i.ticket.number), { class: "link" })]),
    h("td", i.ticket.holder?.title ?? "未接单"),
    page.ended ? null : h("td", expected(i)),
    h("td", i.state === "open" ? [dueChip(i.ticket.due_at, i.ticket.due_clock, { held: i.ticket.paused })] : i.ended_at ? dayTime(i.ended_at) : "—"),
    h("td", `${i.tickets}个${i.unserved ? `，${i.unserved}个未办结` : ""}`),
    h("td", `${dayTime(i.opened_at)} ${i.opened_by}`),
  ]);
}

const tick = (set, key, label) => h(ElCheckbox, { modelValue: set.has(key), "aria-label": label, onChange: (v) => { if (v) set.add(key); else set.delete(key); } });

function detail() {
  const i = page.open;
  return h("section", { class: "incident", "aria-label": i.where }, [
    h("div", { class: "titleline" }, [
      h("h2", `${i.where} · ${i.symptom}`), h("span", { class: "tiny" }, `范围：${i.level_title} ${i.areas.join("、")}`), i.state === "open" ? h("span", { class: "tiny" }, ["预计恢复：", expected(i)]) : null, h("span", { class: "fill" }),
      h(ElButton, { size: "small", disabled: !page.picked.size || idle(), onClick: () => split(false) }, () => `移出选中${page.picked.size || ""}`),
      h(ElButton, { size: "small", disabled: !page.picked.size || idle(), onClick: () => split(true) }, () => "移出并另立事件"),
      h(ElButton, { size: "small", type: "danger", plain: true, disabled: idle(), onClick: end }, () => "误报，结束"),
      plainButton("关闭", () => { page.open = null; }),
    ]),
    i.state === "open" ? h("div", { class: "filters widen" }, [
      h("b", "扩大到"),
      i.neighbours.length ? i.neighbours.map((n) => h("label", { key: n.name, class: "beside" }, [tick(page.beside, n.name, `加入${n.name}`), `${n.name}（${n.reports}户报障）`])) : h("span", { class: "tiny" }, "其他区域近期没有同类报障"),
      h(ElInput, { modelValue: page.more, class: "search", placeholder: "其他区域，顿号隔开", "aria-label": "其他区域", "onUpdate:modelValue": (v) => { page.more = v; } }),
      h(ElButton, { disabled: idle() || !(page.beside.size || page.more.trim()), onClick: widen }, () => "扩大范围"),
    ]) : null,
    i.members.length ? headed(["选择", "工单号", "诉求", "状态", "团队", "处理人", "区域", "受理时间"], i.members.map((t) => h("tr", { key: t.number }, [
      h("td", [t.unserved && i.state === "open" ? tick(page.picked, t.number, `选择${t.number}`) : null]),
      h("td", [plainButton(t.number, () => goTicket(t.number), { class: "link" })]), h("td", t.type_title), h("td", t.state_title), h("td", t.team_title), h("td", t.holder?.title ?? "—"), h("td", t.area || "—"), h("td", dayTime(t.accepted_at)),
    ]))) : h("p", { class: "nothing" }, "还没有工单并入"),
  ]);
}

export function incidentsPage() {
  return h("main", { class: "plainpage more", id: "main" }, [
    h("div", { class: "titleline" }, [h("h1", "突发事件"), h("span", { class: "fill" }), h(ElRadioGroup, { modelValue: page.ended, "aria-label": "显示", size: "small", "onUpdate:modelValue": (v) => { page.ended = v; page.open = null; enterIncidents(); } }, () => [h(ElRadioButton, { value: false }, () => "未结束"), h(ElRadioButton, { value: true }, () => "已结束")])]),
    page.loaded && !page.ended ? openForm() : null,
    page.rows.length ? headed(["区域", "故障", "状态", "群障工单", "处理人", ...(page.ended ? ["结束时间"] : ["预计恢复", "时限"]), "并入工单", "建立"], page.rows.map(row)) : h("p", { class: "nothing" }, page.loaded ? (page.ended ? "没有已结束的突发事件" : "目前没有突发事件") : "正在读取…"),
    page.open ? detail() : null,
  ]);
}
