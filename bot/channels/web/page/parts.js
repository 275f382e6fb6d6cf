// The pieces of the message log (对话记录): bubbles, day lines, choices, what is still under way.

import { h } from "/static/lib/vue/dist/vue.runtime.esm-browser.prod.js";
import { drop, retry, send, talk } from "./conversation.js";
import { ticketMention } from "./ticket.js";
import { clockTime, dayKey, dayLabel } from "./words.js";

const AUTHOR_NAMES = { bot: "智能客服", staff: "人工客服", system: "系统消息", customer: "您" };
const QUIET_MS = 5 * 60000;

const ICONS = {
  bot: "M8.5 9.5h15a2 2 0 0 1 2 2v8a2 2 0 0 1-2 2H16l-4.6 3.6a.6.6 0 0 1-.9-.5v-3.1h-2a2 2 0 0 1-2-2v-8a2 2 0 0 1 2-2ZM12 17.6v-1.4M16 17.6v-3.4M20 17.6v-5.4",
  staff: "M10 17v-3a6 6 0 0 1 12 0v3M10 16.5H8.8a.8.8 0 0 0-.8.8v3.4c0 .4.4.8.8.8H10zM22 16.5h1.2c.4 0 .8.4.8.8v3.4c0 .4-.4.8-.8.8H22zM22 21.5c0 2-2 3-4.5 3",
  phone: "M10.5 8.5l3 .3 1.3 4-2 1.6a12 12 0 0 0 5 5l1.6-2 4 1.3.3 3c0 .9-.8 1.6-1.7 1.6A14.8 14.8 0 0 1 8.9 10.2c0-.9.7-1.7 1.6-1.7Z",
  send: "M7 16 25 8l-5 17-4.5-6.5L7 16Zm8.5 2.5L25 8",
  picture: "M8 9h16a1.5 1.5 0 0 1 1.5 1.5v11A1.5 1.5 0 0 1 24 23H8a1.5 1.5 0 0 1-1.5-1.5v-11A1.5 1.5 0 0 1 8 9Zm-1 12 5.5-5.5 4 4 3-3 5.5 5M20 13.5h.1",
  down: "M16 9v14m-6-6 6 6 6-6",
};

export function icon(name) {
  return h("svg", { viewBox: "0 0 32 32", class: "icon", "aria-hidden": "true", focusable: "false" }, [
    h("path", { d: ICONS[name] }),
  ]);
}

const hidden = (text) => h("span", { class: "hidden" }, text);

function staffName(message) {
  return message.author_name || talk.holder.holder_name || AUTHOR_NAMES.staff;
}

function authorLine(message, opens) {
  const name = message.author === "staff" ? staffName(message) : AUTHOR_NAMES[message.author];
  if (!opens || message.author === "customer") return hidden(`${name}：`);
  return h("p", { class: "author" }, [
    name,
    hidden("："),
    h("time", { datetime: message.created_at }, clockTime(message.created_at)),
  ]);
}

function choose(event, { title, payload }) {
  send(payload || title);
  // The button goes away: a keyboard user must not lose the place, a touch user wants no keyboard.
  if (event.detail === 0) document.getElementById("input").focus();
}

export function choices(buttons, label) {
  const items = buttons.map((button) => (typeof button === "string" ? { title: button } : button));
  return h(
    "div",
    { class: "choices", role: "group", "aria-label": label },
    items.map((item) =>
      h("button", { type: "button", key: item.title, onClick: (event) => choose(event, item) }, item.title),
    ),
  );
}

// What is sent besides words: a picture is shown, anything else is a link.
function enclosed(file) {
  if (!file?.url) return null;
  const name = file.name || "附件";
  const link = { class: "enclosed", href: file.url, target: "_blank", rel: "noopener" };
  if (!String(file.media_type).startsWith("image/")) return h("a", link, name);
  return h("a", link, [h("img", { src: file.url, alt: `图片：${name}`, loading: "lazy" })]);
}

function bubble(message, { opens, isLast }) {
  if (message.author === "system") {
    return h("div", { key: message.id, class: "message system" }, [
      h("p", { class: "chip" }, message.text),
      message.ticket ? ticketMention(message) : null,
    ]);
  }
  const own = message.author === "customer";
  return h("article", { key: message.id, class: ["message", message.author, { opens }] }, [
    own ? null : h("span", { class: "face", "aria-hidden": "true" }, opens ? icon(message.author) : null),
    h("div", { class: "body" }, [
      authorLine(message, opens),
      message.text ? h("p", { class: "bubble", dir: "auto" }, message.text) : null,
      enclosed(message.attachment),
      message.ticket ? ticketMention(message) : null,
      isLast && message.buttons?.length ? choices(message.buttons, "快捷回复") : null,
      own && isLast ? h("p", { class: "fate" }, "已送达") : null,
    ]),
  ]);
}

function editAgain(item) {
  const input = document.getElementById("input");
  input.value = item.text;
  input.dispatchEvent(new Event("input", { bubbles: true }));
  drop(item);
  input.focus();
}

function fate(item) {
  const again = (label) =>
    h("button", { type: "button", class: "again", onClick: () => retry(item) }, label);
  if (item.state === "failed") {
    return [h("span", { class: "bad" }, `发送失败：${item.reason}`), again("重试")];
  }
  if (item.state === "refused") {
    const [label, onClick] = item.file ? ["移除", () => drop(item)] : ["修改", () => editAgain(item)];
    const change = { type: "button", class: "again", onClick };
    return [h("span", { class: "bad" }, `未能发送：${item.reason}`), h("button", change, label)];
  }
  if (item.state === "offline") {
    return [h("span", { class: "bad" }, "网络已断开，恢复后自动发送"), again("立即重试")];
  }
  return [h("span", "发送中…")];
}

function unsent(item, opens) {
  return h("article", { key: item.client_message_id, class: ["message customer", item.state, { opens }] }, [
    h("div", { class: "body" }, [
      hidden("您："),
      item.preview
        ? h("span", { class: "enclosed" }, [h("img", { src: item.preview, alt: `图片：${item.file.name}` })])
        : h("p", { class: "bubble", dir: "auto" }, item.text),
      h("p", { class: "fate" }, fate(item)),
    ]),
  ]);
}

export function typing() {
  return h("div", { key: "typing", class: "message bot opens" }, [
    h("span", { class: "face", "aria-hidden": "true" }, icon("bot")),
    h("div", { class: "body" }, [
      h("p", { class: "bubble typing" }, [hidden("智能客服正在回复"), h("i"), h("i"), h("i")]),
    ]),
  ]);
}

function dayLine(message) {
  return h("h2", { key: `day-${dayKey(message.created_at)}`, class: "day" }, [
    h("span", dayLabel(message.created_at, talk.today)),
  ]);
}

function opensGroup(message, before) {
  if (!before || before.author !== message.author) return true;
  return new Date(message.created_at) - new Date(before.created_at) > QUIET_MS;
}

export function messageList() {
  const rows = [];
  let before = null;
  talk.messages.forEach((message, index) => {
    const newDay = !before || dayKey(before.created_at) !== dayKey(message.created_at);
    if (newDay) rows.push(dayLine(message));
    const isLast = index === talk.messages.length - 1 && talk.outbox.length === 0;
    rows.push(bubble(message, { opens: newDay || opensGroup(message, before), isLast }));
    before = message;
  });
  const isOwn = before?.author === "customer";
  return rows.concat(talk.outbox.map((item, index) => unsent(item, index === 0 && !isOwn)));
}
