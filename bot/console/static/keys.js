// The keyboard (快捷键): everything that is clicked can be typed.

import { nextTick } from "vue";
import { openMenu, toggleNote } from "./composer.js";
import { act, claim, may, openConversation, store } from "./store.js";
import { nextUp } from "./queue.js";

export const KEYS = [
  ["?", "显示快捷键（光标不在输入框时）"],
  ["Alt+N", "接入下一位客户"],
  ["Alt+C", "接入当前会话"],
  ["Alt+↑ Alt+↓", "上一个、下一个会话"],
  ["R", "回复客户（光标不在输入框时）"],
  ["Enter", "发送"],
  ["Shift+Enter", "换行"],
  ["/", "在空白答复框里选择常用回复"],
  ["Alt+K", "知识库推荐答复"],
  ["Alt+B", "内部备注"],
  ["Alt+M", "转回机器人"],
  ["Alt+T", "转接会话"],
  ["Alt+W", "结束会话"],
  ["Alt+1 Alt+2 Alt+3 Alt+4", "接待、工单、审批、同事"],
  ["Esc", "关闭窗口"],
];

function neighbour(step) {
  const all = [...store.lists.mine, ...store.lists.waiting, ...store.lists.team];
  if (!all.length) return;
  const at = all.findIndex((c) => c.id === store.openId);
  openConversation(all[(at + step + all.length) % all.length].id);
}

const can = (name) => store.page === "talk" && store.open?.may.includes(name);
const PAGES = { Digit1: "talk", Digit2: "tickets", Digit3: "approvals", Digit4: "people" };
const WITH_ALT = {
  KeyN: () => store.lists.waiting.length && may("conversations_serve") && claim(nextUp().id),
  KeyC: () => can("claim") && claim(store.openId),
  ArrowUp: () => neighbour(-1),
  ArrowDown: () => neighbour(1),
  KeyK: () => can("reply") && openMenu("answers"),
  KeyB: () => can("reply") && toggleNote(),
  KeyM: () => can("hand-back") && act("hand-back", { epoch: store.open.conversation.epoch }),
  KeyT: () => can("transfer") && (store.dialog = { kind: "transfer" }),
  KeyW: () => can("end") && (store.dialog = { kind: "end" }),
};

const typing = (target) => target.matches?.("input, textarea, select, [contenteditable]");

export function onKey(event) {
  if (!store.me || store.mustChange || event.isComposing) return;
  if (event.altKey && !event.ctrlKey && !event.metaKey) {
    const run = WITH_ALT[event.code] ?? (PAGES[event.code] && (() => { store.page = PAGES[event.code]; }));
    if (run && !store.dialog) {
      event.preventDefault();
      run();
    }
    return;
  }
  if (typing(event.target) || event.ctrlKey || event.metaKey || store.dialog) return;
  if (event.key === "?" || event.key === "？") {
    event.preventDefault();
    store.dialog = { kind: "keys" };
  } else if ((event.key === "r" || event.key === "R") && can("reply")) {
    event.preventDefault();
    nextTick(() => document.getElementById("reply")?.focus());
  }
}
