// The composer (答复框): live language check, one-click rewrites, canned replies, files, notes.

import { h, nextTick, reactive, watch } from "vue";
import { ElButton, ElMessage } from "element-plus";
import * as desk from "./desk.js";
import { attempt, draftOf, keepDraft, loadLists, refreshConversation, store, tell } from "./store.js";
import { icon, plainButton } from "./parts.js";
import { LEVELS, toUnits } from "./words.js";

export const box = reactive({
  id: null, text: "", note: false, masked: false, verdict: "pass", findings: [], overridable: false, fixed: "", checked: "", busy: false,
  menu: null, wanted: "", replies: [], answers: [], picked: 0, clientId: "", rewritten: [],
});
const LINT_WAIT_MS = 250;
const LOUDNESS = { block: 0, warn: 1, suggest: 2 };
let timer = 0;

watch(
  () => store.openId,
  (id) => {
    Object.assign(box, { id, text: id ? draftOf(id) : "", note: false, masked: false, findings: [], verdict: "pass", checked: "", menu: null, rewritten: [] });
    if (box.text) checkSoon();
  },
);

const newId = () => (crypto.randomUUID ? crypto.randomUUID() : String(Math.random()).slice(2) + Date.now());
const ticket = () => store.ticketNumber ?? undefined;

function write(text) {
  box.text = text;
  box.clientId = "";
  keepDraft(box.id, text);
  checkSoon();
}

function checkSoon() {
  clearTimeout(timer);
  if (!box.text.trim() || box.note) Object.assign(box, { findings: [], verdict: "pass", checked: box.text });
  if (!box.text.trim()) {
    box.masked = false;
    return;
  }
  timer = setTimeout(check, LINT_WAIT_MS);
}

async function check() {
  const { text, id, note } = box;
  if (!text.trim()) return;
  try {
    const data = await desk.post("/lint", { text, conversation: id, ticket: ticketOfCustomer() });
    if (box.text !== text || box.id !== id || box.note !== note) return;
    box.masked = data.masked;
    if (note) return;
    Object.assign(box, { findings: data.findings, verdict: data.verdict, overridable: data.overridable, fixed: data.fixed, checked: text });
  } catch (error) {
    if (error.status === 401) tell(error);
  }
}

// A ticket found by search may be another customer's; only this one's may be promised.
function ticketOfCustomer() {
  const own = store.open?.tickets.some((t) => t.number === store.ticketNumber);
  return own ? ticket() : undefined;
}

export async function sendReply({ override = null } = {}) {
  const text = box.text.trim();
  if (!text || box.busy) return;
  box.busy = true;
  const id = box.id;
  try {
    if (box.note) {
      await desk.post(`/conversations/${id}/note`, { text });
    } else {
      box.clientId = box.clientId || newId();
      await desk.post(`/conversations/${id}/reply`, { text, ticket: ticketOfCustomer(), client_message_id: box.clientId, override_reason: override, rewritten: [...new Set(box.rewritten)] });
    }
    keepDraft(id, "");
    if (box.id === id) Object.assign(box, { text: "", findings: [], verdict: "pass", clientId: "", note: false, masked: false, rewritten: [] });
    await Promise.all([refreshConversation(), loadLists()]);
  } catch (error) {
    if (error.code === "language_blocked") await check();
    tell(error);
  }
  box.busy = false;
  nextTick(() => document.getElementById("reply")?.focus());
}

function replace(start, end, words) {
  const [from, to] = [toUnits(box.text, start), toUnits(box.text, end)];
  write(box.text.slice(0, from) + words + box.text.slice(to));
  nextTick(() => {
    const input = document.getElementById("reply");
    input?.focus();
    input?.setSelectionRange(from + words.length, from + words.length);
  });
}

// What people make of a rule's proposals tells a good rule from a bad one.
function take(f, start, end, words) {
  box.rewritten.push(f.rule);
  replace(start, end, words);
}

function fixAll() {
  box.rewritten.push(...box.findings.filter((f) => f.replacement !== undefined).map((f) => f.rule));
  write(box.fixed);
}

function point(f) {
  const input = document.getElementById("reply");
  input.focus();
  input.setSelectionRange(toUnits(box.text, f.start), toUnits(box.text, f.end));
}

function finding(f) {
  return h("li", { key: `${f.rule}${f.start}`, class: f.level }, [
    h("button", { type: "button", class: "level", title: "定位", onClick: () => point(f) }, LEVELS[f.level]),
    h("span", { class: "what" }, [h("b", `“${f.matched}”`), f.message, f.basis ? h("span", { class: "tiny" }, /^\d/.test(f.basis) ? ` 手册${f.basis}` : ` ${f.basis}`) : null]),
    f.replacement !== undefined ? plainButton(`改为“${f.replacement || "删除"}”`, () => take(f, f.start, f.end, f.replacement), { class: "fix" }) : null,
    f.rewrite ? plainButton(`换成：${f.rewrite.text}`, () => take(f, f.rewrite.start, f.rewrite.end, f.rewrite.text), { class: "fix" }) : null,
    !f.rewrite && f.suggestion ? h("span", { class: "tiny example" }, f.suggestion) : null,
  ]);
}

// A colleague who is to call needs the number: where it can be read, and where it belongs.
function hidden() {
  if (!box.note || !box.masked) return null;
  const has = store.open.tickets.length > 0;
  const number = box.text.match(/\d[\d -]{8,}\d/)?.[0];
  return h("div", { class: "findings", role: "status" }, [
    h("p", { class: ["verdict", "warn"] }, [
      `备注中的号码保存后脱敏显示，同事点“查看完整号码”并填写原因后可以看到。${has ? "客户的联系电话以工单“客户与诉求”中的为准。" : "客户的联系电话请填在工单里。"}`,
      has ? null : plainButton("登记工单并填写联系电话", () => { store.dialog = { kind: "open_ticket", start: { phone_number: number } }; }, { class: "fix" }),
    ]),
  ]);
}

function findings() {
  if (!box.findings.length || box.note) return hidden();
  const blocked = box.verdict === "block";
  const rows = [...box.findings].sort((a, b) => LOUDNESS[a.level] - LOUDNESS[b.level] || a.start - b.start);
  const canFix = box.fixed && box.fixed !== box.text && box.checked === box.text;
  return h("div", { class: "findings", role: "status" }, [
    h("p", { class: ["verdict", box.verdict] }, [
      blocked ? "不能发送：请先修改标红的内容" : "可以发送，建议修改",
      canFix ? plainButton("一键修正用词", fixAll, { class: "fix" }) : null,
      blocked && box.overridable ? plainButton("说明原因后发送", override, { class: "fix" }) : null,
    ]),
    h("ul", rows.slice(0, 8).map(finding)),
  ]);
}

function override() {
  store.dialog = {
    kind: "reason", title: "仍要发送", hint: "原因会记入审计日志，班长和质检可以看到。", label: "原因",
    done: (reason) => sendReply({ override: reason }),
  };
}

// Under the text: the same words with what the check found marked.
function backdrop() {
  const text = box.text;
  const levels = Array(text.length).fill("");
  if (box.checked === text && !box.note) {
    // The louder finding is written over the quieter one: what blocks is always seen.
    for (const f of [...box.findings].sort((a, b) => LOUDNESS[b.level] - LOUDNESS[a.level])) levels.fill(f.level, toUnits(text, f.start), toUnits(text, f.end));
  }
  const parts = [];
  for (let at = 0, end; at < text.length; at = end) {
    end = levels.findIndex((level, n) => n > at && level !== levels[at]);
    if (end < 0) end = text.length;
    parts.push(levels[at] ? h("mark", { class: levels[at] }, text.slice(at, end)) : text.slice(at, end));
  }
  return h("div", { class: "backdrop", "aria-hidden": "true" }, [...parts, "\n"]);
}

function keys(event) {
  if (box.menu) return menuKeys(event);
  if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
    event.preventDefault();
    if (box.verdict === "block" && box.checked === box.text) ElMessage({ message: "请先修改标红的内容", type: "warning" });
    else sendReply();
  } else if (event.key === "/" && !box.text) {
    event.preventDefault();
    openMenu("canned");
  }
  return undefined;
}

function menuKeys(event) {
  const rows = box.menu === "canned" ? box.replies : box.answers;
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  if (step) {
    event.preventDefault();
    box.picked = (box.picked + step + rows.length) % Math.max(rows.length, 1);
    nextTick(() => document.querySelector(".menu .picked")?.scrollIntoView({ block: "nearest" }));
  } else if (event.key === "Enter" && !event.isComposing) {
    event.preventDefault();
    if (rows[box.picked]) insert(rows[box.picked].text);
  } else if (event.key === "Escape") {
    event.stopPropagation();
    closeMenu();
  }
}

export async function openMenu(kind) {
  Object.assign(box, { menu: kind, wanted: "", picked: 0 });
  await (kind === "canned" ? search("") : suggest());
  nextTick(() => document.getElementById("wanted")?.focus());
}
function closeMenu() {
  box.menu = null;
  nextTick(() => document.getElementById("reply")?.focus());
}

async function search(wanted) {
  box.wanted = wanted;
  const context = store.ticket?.kind ?? undefined;
  const data = await attempt(() => desk.get("/canned", { q: wanted, ticket: ticketOfCustomer(), context }));
  if (data && box.wanted === wanted) Object.assign(box, { replies: data.replies, picked: 0 });
}

async function suggest() {
  box.answers = [];
  const data = await attempt(() => desk.get("/suggestions", { conversation: box.id, ticket: ticketOfCustomer() }));
  if (data) Object.assign(box, { answers: data.answers, picked: 0 });
}

function insert(text) {
  write(box.text ? `${box.text}${text}` : text);
  closeMenu();
}

function menu() {
  if (!box.menu) return null;
  const canned = box.menu === "canned";
  const rows = canned ? box.replies : box.answers;
  return h("div", { class: "menu", role: "dialog", "aria-label": canned ? "常用回复" : "推荐答复", onKeydown: menuKeys }, [
    canned
      ? h("input", { id: "wanted", type: "search", placeholder: "标题、内容或拼音首字母，如 gzzq", "aria-label": "查找常用回复", value: box.wanted, maxlength: 40, onInput: (e) => search(e.target.value) })
      : h("p", { id: "wanted", tabindex: -1, class: "tiny" }, "根据客户的诉求，从知识库推荐"),
    rows.length
      ? h("ul", rows.map((row, n) =>
          h("li", { key: row.id, class: { picked: n === box.picked } }, [
            h("button", { type: "button", onClick: () => insert(row.text) }, [
              h("b", row.title),
              h("span", row.text),
              canned ? null : h("span", { class: "tiny" }, `来源：知识库 ${row.id}，${row.owner}，复核日期 ${row.review}`),
              row.missing?.length ? h("span", { class: "tiny warn" }, `需补：${row.missing.join("、")}`) : null,
            ]),
          ])))
      : h("p", { class: "nothing" }, canned ? "没有匹配的常用回复" : "知识库里没有相近的答复"),
  ]);
}

async function sendFile(file) {
  if (!file) return;
  if (file.size > store.tables.upload_bytes) {
    ElMessage({ message: `文件最大${store.tables.upload_bytes / 1024 / 1024}MB`, type: "error" });
    return;
  }
  box.busy = true;
  await attempt(() => desk.upload(`/conversations/${box.id}/attachments`, file));
  box.busy = false;
  await refreshConversation();
}

function tools() {
  return h("div", { class: "tools" }, [
    plainButton([icon("spark"), "常用回复"], () => openMenu("canned"), { title: "常用回复（在空白框里按 /）" }),
    plainButton([icon("book"), "推荐答复"], () => openMenu("answers"), { title: "推荐答复：来自知识库（Alt+K）" }),
    h("label", { class: "plain", title: "发送图片或PDF，最大10MB" }, [
      icon("clip"), "文件",
      h("input", {
        type: "file", class: "hidden", id: "file", accept: "image/png,image/jpeg,image/gif,image/webp,application/pdf", disabled: box.note,
        onChange: (event) => { sendFile(event.target.files[0]); event.target.value = ""; },
      }),
    ]),
    h("button", { type: "button", class: ["plain", { on: box.note }], "aria-pressed": String(box.note), title: "内部备注，客户看不到（Alt+B）", onClick: toggleNote }, [icon("note"), "备注"]),
    h("span", { class: "fill" }),
    h("span", { class: "tiny" }, `${Array.from(box.text).length} 字 · Enter 发送，Shift+Enter 换行`),
    h(ElButton, { type: box.note ? "warning" : "primary", loading: box.busy, disabled: !box.text.trim() || (!box.note && box.verdict === "block" && box.checked === box.text), onClick: () => sendReply() }, () => (box.note ? "保存备注" : "发送")),
  ]);
}

export function toggleNote() {
  box.note = !box.note;
  checkSoon();
  nextTick(() => document.getElementById("reply")?.focus());
}

function paste(event) {
  const file = [...(event.clipboardData?.files ?? [])][0];
  if (!file) return;
  event.preventDefault();
  sendFile(file);
}

export function composer(conversation, may) {
  if (!may.includes("reply")) {
    const words = { waiting: "接入后可以回复客户。", bot: "机器人接待中，接管后可以回复。", staff: "同事正在接待，您可以查看。", ended: "会话已结束，客户再次发消息时由机器人接待。" };
    return h("div", { class: "composer closed" }, words[conversation.state]);
  }
  return h("div", { class: ["composer", { note: box.note }] }, [
    menu(),
    findings(),
    h("div", { class: "editor" }, [
      backdrop(),
      h("textarea", {
        id: "reply", value: box.text, rows: 3, maxlength: 2000, "aria-label": box.note ? "内部备注" : "回复客户", spellcheck: false,
        placeholder: box.note ? "写给同事的备注，客户看不到" : "回复客户，按 / 选择常用回复", onInput: (event) => write(event.target.value), onKeydown: keys, onPaste: paste,
        onScroll: (event) => { event.target.previousSibling.scrollTop = event.target.scrollTop; },
      }),
    ]),
    tools(),
  ]);
}
