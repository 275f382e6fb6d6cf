// The customer page (客户页面): header, message log, composer and, on wide screens, the tickets beside it.

import {
  createApp,
  h,
  nextTick,
  onMounted,
  ref,
  watch,
} from "/static/lib/vue/dist/vue.runtime.esm-browser.prod.js";
import { Composer } from "./composer.js";
import { begin, eraseDevice, talk } from "./conversation.js";
import { choices, icon, messageList, typing } from "./parts.js";
import { showTicket } from "./ticket.js";
import { isLarge, switchSize } from "./type_size.js";
import { classLabel, stateLabel, typeLabel } from "./words.js";

const GREETING = "您好，请问有什么可以帮您？请直接说出您的问题，受理后会告诉您工单号和办结时间。";
const QUICK = ["宽带上不了网", "手机没有信号", "话费有疑问", "咨询套餐", "查询工单进度"];
const NEAR_END_PX = 120;

function statusLine() {
  if (!talk.online) return { text: "网络已断开", tone: "bad" };
  if (talk.lost) return { text: "连接中断，正在重新连接…", tone: "bad" };
  const { state, position, holder_name } = talk.holder;
  if (state === "waiting") {
    return { text: position ? `正在排队，第 ${position} 位` : "正在排队", tone: "wait" };
  }
  if (state === "staff") return { text: `${holder_name || "人工客服"} 正在为您服务`, tone: "good" };
  if (state === "ended") return { text: "本次会话已结束，可继续留言", tone: "" };
  return { text: "智能客服为您服务", tone: "good" };
}

function header() {
  const { name, hotline } = talk.site;
  const { text, tone } = statusLine();
  return h("header", { class: "top" }, [
    h("span", { class: "logo", "aria-hidden": "true" }, icon("bot")),
    h("div", { class: "who" }, [
      h("h1", name ? `${name}在线客服` : "在线客服"),
      h("p", { role: "status", class: ["line", tone] }, h("span", text)),
    ]),
    hotline
      ? h("a", { class: "tool", href: `tel:${hotline}`, "aria-label": `拨打服务热线 ${hotline}` }, [
          icon("phone"),
          h("span", { class: "wide" }, hotline),
        ])
      : null,
    h(
      "button",
      { type: "button", class: "tool", "aria-pressed": String(isLarge.value), onClick: switchSize },
      "大字版",
    ),
  ]);
}

function askErase() {
  const sure = window.confirm("将清除本机上的会话记录，已受理的工单不受影响。确定清除吗？");
  if (sure) eraseDevice();
}

const eraseButton = (place) =>
  h("button", { type: "button", class: ["erase", place], onClick: askErase }, "清除本机会话记录");

function welcome() {
  const fresh = !talk.loading && talk.messages.length === 0 && talk.outbox.length === 0;
  return h("article", { key: "welcome", class: "message bot opens" }, [
    h("span", { class: "face", "aria-hidden": "true" }, icon("bot")),
    h("div", { class: "body" }, [
      h("p", { class: "author" }, "智能客服"),
      h("p", { class: "bubble" }, talk.site.greeting || GREETING),
      fresh ? choices(talk.site.quick?.length ? talk.site.quick : QUICK, "常见问题") : null,
      fresh ? h("p", { class: "advice" }, "请勿在对话中发送密码、短信验证码和银行卡号。") : null,
      fresh ? null : eraseButton("narrow"),
    ]),
  ]);
}

// Keeps the newest line in view, unless the customer has scrolled up to read.
function followEnd(box, content) {
  const below = ref(false);
  let atEnd = true;
  const toEnd = () => {
    box.value.scrollTop = box.value.scrollHeight;
    atEnd = true;
    below.value = false;
  };
  const onScroll = () => {
    const { scrollHeight, scrollTop, clientHeight } = box.value;
    atEnd = scrollHeight - scrollTop - clientHeight < NEAR_END_PX;
    if (atEnd) below.value = false;
  };
  watch(
    () => [talk.messages.length, talk.outbox.length],
    ([, sent], [, sentBefore]) => {
      if (sent > sentBefore) atEnd = true;
      below.value = !atEnd;
    },
  );
  onMounted(() => {
    const observer = new ResizeObserver(() => atEnd && toEnd());
    observer.observe(box.value);
    observer.observe(content.value);
  });
  return { below, toEnd, onScroll };
}

const Log = {
  setup() {
    const box = ref(null);
    const content = ref(null);
    // History is not news: the log speaks up only once it has been read.
    const settled = ref(false);
    const { below, toEnd, onScroll } = followEnd(box, content);
    watch(
      () => talk.loading,
      () => nextTick(() => (settled.value = true)),
    );
    const attributes = () => ({
      ref: box,
      class: "log",
      role: "log",
      tabindex: 0,
      "aria-label": "对话记录",
      "aria-live": settled.value ? "polite" : "off",
      "aria-relevant": "additions",
      "aria-busy": String(talk.loading),
      onScroll,
    });
    return () => {
      const rows = [welcome(), ...messageList(), talk.replyExpected ? typing() : null];
      const newer = { type: "button", class: "newer", onClick: toEnd };
      return h("div", { class: "stage" }, [
        h("div", attributes(), h("div", { ref: content }, rows)),
        below.value ? h("button", newer, [icon("down"), "有新消息"]) : null,
      ]);
    };
  },
};

function ticketEntry({ ticket }) {
  return h("li", { key: ticket.number }, [
    h(
      "button",
      { type: "button", "data-class": ticket.deadline_class, onClick: () => showTicket(ticket.number) },
      [
        h("span", { class: "class" }, classLabel(ticket)),
        h("strong", typeLabel(ticket)),
        h("span", { class: "state" }, stateLabel(ticket)),
        h("span", { class: "number" }, ticket.number),
      ],
    ),
  ]);
}

function aside() {
  const tickets = Object.values(talk.tickets).reverse();
  const { hotline } = talk.site;
  return h("aside", { class: "side", "aria-label": "我的工单与服务说明" }, [
    h("h2", "我的工单"),
    tickets.length
      ? h("ul", { class: "tickets" }, tickets.map(ticketEntry))
      : h("p", { class: "none" }, "受理后，工单号、进度和办结时间会显示在这里。"),
    h("h2", "温馨提示"),
    h("ul", { class: "tips" }, [
      h("li", "工作人员不会向您索要密码和短信验证码。"),
      h("li", "随时可以点击“转人工”，由客服人员为您处理。"),
      hotline ? h("li", `也可以拨打服务热线 ${hotline}。`) : null,
    ]),
    eraseButton("beside"),
  ]);
}

const Page = {
  setup() {
    onMounted(begin);
    return () => [
      h("main", { class: "chat" }, [header(), h(Log), h(Composer)]),
      aside(),
    ];
  },
};

createApp(Page).mount("#page");
