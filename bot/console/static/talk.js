// The middle (会话): what customer, bot and staff said, the bot's reading, and who holds it.

import { h, nextTick, reactive } from "vue";
import { ElButton, ElTag } from "element-plus";
import * as desk from "./desk.js";
import { composer } from "./composer.js";
import { act, attempt, claim, may as mayI, setPresence, store } from "./store.js";
import { icon, plainButton, urgencyTag } from "./parts.js";
import { AUTHORS, LEVELS, conversationName, dayTime, size, toUnits } from "./words.js";

const shown = reactive({});
const place = { id: null, last: 0, stuck: true };

// Follow the newest message unless somebody reads further up.
function follow(vnode) {
  const log = vnode.el;
  const { conversation, messages } = store.open;
  const last = messages.at(-1)?.id ?? 0;
  if (place.id !== conversation.id || (last !== place.last && place.stuck)) {
    nextTick(() => {
      log.scrollTop = log.scrollHeight;
    });
  }
  place.id = conversation.id;
  place.last = last;
}

function reading({ conversation }) {
  const read = conversation.reading;
  if (!read && !conversation.handoff_reason) return null;
  const why = read?.signals?.length ? `依据：${read.signals.join("、")}` : "";
  return h("div", { class: "reading" }, [
    h("span", { class: "tiny" }, "机器人理解"),
    read ? h(ElTag, { size: "small", effect: "plain", disableTransitions: true }, () => read.type_title) : null,
    read ? urgencyTag(read.urgency, read.urgency_title) : null,
    read?.confidence !== null && read?.confidence !== undefined ? h("span", { class: "tiny" }, `把握 ${Math.round(read.confidence * 100)}%`) : null,
    why ? h("span", { class: "why" }, why) : null,
    ...(read?.facts ?? []).map((f) => h("span", { class: "fact", key: f.name }, `${f.title}：${f.value}`)),
    conversation.handoff_reason ? h("span", { class: "why" }, `转人工原因：${conversation.handoff_reason}`) : null,
  ]);
}

const BUTTONS = {
  "hand-back": ["转回机器人", () => act("hand-back", { epoch: epoch() })],
  transfer: ["转接", () => { store.dialog = { kind: "transfer" }; }],
  end: ["结束", () => { store.dialog = { kind: "end" }; }],
};
const epoch = () => store.open.conversation.epoch;

function head({ conversation, may }) {
  const buttons = may.filter((name) => BUTTONS[name]).map((name) => h(ElButton, { key: name, onClick: BUTTONS[name][1] }, () => BUTTONS[name][0]));
  const taking = may.includes("claim")
    ? h(ElButton, { type: "primary", onClick: () => claim(conversation.id) }, () => (conversation.state === "bot" ? "接管会话" : conversation.state === "staff" ? "接替同事" : "接入会话"))
    : null;
  const holder = conversation.holder ? `${conversation.holder.title}接待中` : conversation.state_title;
  return h("header", { class: "head" }, [
    h("div", [
      h("h1", conversationName(conversation)),
      h("p", { class: "tiny" }, [holder, " · ", conversation.team_title ?? "未分组", " · 开始于", dayTime(conversation.created_at)]),
    ]),
    h("div", { class: "acts" }, [taking, ...buttons]),
  ]);
}

function marked(text, findings) {
  const parts = [];
  let at = 0;
  for (const f of [...findings].sort((a, b) => a.start - b.start)) {
    const [start, end] = [toUnits(text, f.start), toUnits(text, f.end)];
    if (start < at) continue;
    parts.push(text.slice(at, start), h("mark", { class: f.level, title: `${LEVELS[f.level]}：${f.message}` }, text.slice(start, end)));
    at = end;
  }
  parts.push(text.slice(at));
  return parts;
}

function attachment(file) {
  const link = { href: file.url, target: "_blank", rel: "noopener" };
  if (file.media_type.startsWith("image/")) return h("a", link, [h("img", { class: "picture", src: file.url, alt: file.name, loading: "lazy" })]);
  return h("a", { ...link, class: "filelink" }, [icon("file"), `${file.name}（${size(file.size)}）`]);
}

async function reveal(message) {
  store.dialog = {
    kind: "reason", title: "查看完整号码", hint: "查看会记入审计日志，请填写原因。", label: "原因", done: async (reason) => {
      const data = await attempt(() => desk.post(`/conversations/${store.openId}/reveal`, { message: message.id, reason }));
      if (data) shown[message.id] = data.text;
    },
  };
}

const eye = (m) => (m.masked && !shown[m.id] && mayI("secrets_reveal") ? plainButton([icon("eye"), "查看完整号码"], () => reveal(m), { class: "tinybutton" }) : null);

function message(m) {
  if (m.kind === "note") {
    return h("article", { key: m.id, class: "message note" }, [h("p", { class: "by" }, ["内部备注 · ", m.author_title, " · ", dayTime(m.created_at)]), h("p", { class: "bubble" }, shown[m.id] ?? m.text), eye(m)]);
  }
  if (m.author === "system") return h("p", { key: m.id, class: "message system" }, [m.text, m.state === "failed" ? " · 未送达客户 " : "", h("time", dayTime(m.created_at))]);
  const text = shown[m.id] ?? m.text;
  const words = m.findings?.length && text === m.text ? marked(text, m.findings) : text;
  return h("article", { key: m.id, class: ["message", m.author, { dropped: m.state === "dropped" }] }, [
    h("p", { class: "by" }, [m.author_title || AUTHORS[m.author], " · ", dayTime(m.created_at), m.state === "dropped" ? " · 未发出：会话已由他人接待" : m.state === "failed" ? " · 未送达客户" : m.state === "pending" ? " · 发送中" : ""]),
    m.attachment ? attachment(m.attachment) : h("p", { class: "bubble" }, words),
    eye(m),
    m.ticket ? h("p", { class: "chip" }, `工单 ${m.ticket.number} · ${m.ticket.deadline_class_title ?? ""}`) : null,
    m.override_reason ? h("p", { class: "chip warn" }, `未改直接发送，原因：${m.override_reason}`) : null,
    m.replaced_text ? h("p", { class: "chip warn" }, "原回复未通过用语检查，已替换") : null,
  ]);
}

// Who signs in is off duty, and a desk where all are off sends its customers away.
function away() {
  const now = store.tables.presences.find((each) => each.id === store.presence.presence);
  if (!mayI("conversations_serve") || !mayI("presence_own") || now?.takes_work) return null;
  return h("div", { class: "awaynow" }, [
    h("p", `您现在是“${now?.title ?? "离岗"}”，不会派给您新的客户。`),
    h(ElButton, { type: "primary", size: "large", onClick: () => setPresence("duty") }, () => "开始接待"),
  ]);
}

function welcome() {
  const { waiting } = store.lists;
  return h("div", { class: "welcome" }, [
    h("h1", waiting.length ? `有${waiting.length}位客户在等待` : "现在没有客户在等待"),
    away(),
    h("p", waiting.length ? "点左侧列表查看，或点“接入下一位”。" : "新的排队会自动出现在左侧。"),
    h("p", { class: "tiny" }, ["按 ", h("kbd", "?"), " 查看全部快捷键"]),
  ]);
}

export function talk() {
  if (!store.open) return h("main", { class: "middle", id: "main" }, [welcome()]);
  const { conversation, messages, may } = store.open;
  return h("main", { class: "middle", id: "main" }, [
    head(store.open),
    reading(store.open),
    h(
      "div",
      {
        class: "log", role: "log", "aria-label": "对话记录", "aria-live": "polite", tabindex: 0, onVnodeMounted: follow, onVnodeUpdated: follow,
        onScroll: (event) => {
          const log = event.target;
          place.stuck = log.scrollHeight - log.scrollTop - log.clientHeight < 60;
        },
      },
      messages.map(message),
    ),
    composer(conversation, may),
  ]);
}
