// Where the customer writes (输入区): shortcuts, the field, its limit and the send button.

import { h, nextTick, ref, watch } from "/static/lib/vue/dist/vue.runtime.esm-browser.prod.js";
import { send, sendPicture, talk } from "./conversation.js";
import { icon } from "./parts.js";
import { PhoneLink } from "./phone.js";
import { showTicket } from "./ticket.js";
import { isLarge } from "./type_size.js";
import { COUNTER_FROM, INPUT_LIMIT, lengthOf } from "./words.js";

const HUMAN = "转人工";
const TALLEST_PX = 160;

function shortcuts() {
  const { state } = talk.holder;
  const numbers = Object.keys(talk.tickets);
  const human = { waiting: "排队中", staff: "人工服务中" }[state] ?? HUMAN;
  return h("div", { class: "shortcuts" }, [
    h(
      "button",
      { type: "button", class: "human", disabled: human !== HUMAN, onClick: () => send(HUMAN) },
      [icon("staff"), human],
    ),
    numbers.length
      ? h("button", { type: "button", class: "narrow", onClick: () => showTicket(numbers.at(-1)) }, [
          `我的工单 ${numbers.length}`,
        ])
      : null,
    numbers.length
      ? h("button", { type: "button", onClick: () => send("查询工单进度") }, "查询工单进度")
      : null,
    h(PhoneLink),
  ]);
}

function counter(length) {
  if (length < COUNTER_FROM) return null;
  const over = length - INPUT_LIMIT;
  const words = over > 0 ? `超出 ${over} 字，请分几次发送` : `${length} / ${INPUT_LIMIT}`;
  return h("p", { class: ["counter", { bad: over > 0 }], role: "status" }, words);
}

function field(text, box, submit) {
  const onKeydown = (event) => {
    // 229: an input method is still composing, also where isComposing has been reset already.
    if (event.key !== "Enter" || event.shiftKey || event.isComposing || event.keyCode === 229) return;
    event.preventDefault();
    submit();
  };
  return h("textarea", {
    id: "input",
    ref: box,
    rows: 1,
    value: text.value,
    placeholder: "请描述您遇到的问题",
    enterkeyhint: "send",
    autocomplete: "off",
    "aria-describedby": "hint",
    "aria-invalid": lengthOf(text.value.trim()) > INPUT_LIMIT ? "true" : undefined,
    onInput: (event) => (text.value = event.target.value),
    onKeydown,
  });
}

function pictureButton(chooser) {
  const onChange = (event) => {
    const [file] = event.target.files;
    if (file) sendPicture(file);
    event.target.value = "";
  };
  const accept = "image/png,image/jpeg,image/gif,image/webp";
  return [
    h("input", { type: "file", ref: chooser, id: "picture", accept, hidden: true, onChange }),
    h(
      "button",
      { type: "button", class: "picture", "aria-label": "发送图片", onClick: () => chooser.value.click() },
      [icon("picture")],
    ),
  ];
}

function sendButton(length) {
  const attributes = { class: "send", disabled: !length || length > INPUT_LIMIT, "aria-label": "发送" };
  return h("button", attributes, [icon("send"), h("span", { class: "wide" }, "发送")]);
}

export const Composer = {
  setup() {
    const text = ref("");
    const box = ref(null);
    const chooser = ref(null);
    const fit = () => {
      const { style } = box.value;
      style.height = "auto";
      // The border is not part of scrollHeight.
      style.height = `${Math.min(box.value.scrollHeight + 2, TALLEST_PX)}px`;
    };
    watch([text, isLarge], () => nextTick(fit));
    const submit = () => {
      const words = text.value.trim();
      if (!words || lengthOf(words) > INPUT_LIMIT) return;
      send(words);
      text.value = "";
      box.value.focus();
    };
    const onSubmit = (event) => {
      event.preventDefault();
      submit();
    };
    return () => {
      const length = lengthOf(text.value.trim());
      return h("form", { class: "composer", onSubmit }, [
        talk.notice ? h("p", { class: "notice", role: "status" }, talk.notice) : null,
        shortcuts(),
        counter(length),
        h("div", { class: "line" }, [
          ...pictureButton(chooser),
          h("label", { for: "input", class: "hidden" }, "输入您的问题"),
          field(text, box, submit),
          sendButton(length),
        ]),
        h("p", { id: "hint", class: "hint" }, "按 Enter 发送，Shift + Enter 换行"),
      ]);
    };
  },
};
