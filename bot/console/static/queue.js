// The left side (排队与会话列表): who waits longest, what is due first, what is mine.

import { h } from "vue";
import { ElButton, ElEmpty } from "element-plus";
import * as desk from "./desk.js";
import { attempt, claim, loadBots, loadLists, may, openConversation, store } from "./store.js";
import { dueChip, urgencyTag } from "./parts.js";
import { conversationName, since, span } from "./words.js";

function offerLine(c) {
  if (!c.offer || c.offer.staff_id !== store.me.id) return null;
  const seconds = Math.max(0, (new Date(c.offer.expires_at) - store.now) / 1000);
  return h("div", { class: "offer", role: "alert" }, [
    h("span", `派给您，${Math.ceil(seconds)}秒内接入`),
    h(ElButton, { size: "small", type: "primary", onClick: (e) => { e.stopPropagation(); claim(c.id); } }, () => "接入"),
    h(ElButton, { size: "small", onClick: (e) => { e.stopPropagation(); pass(c.id); } }, () => "让出"),
  ]);
}

async function pass(id) {
  await attempt(() => desk.post(`/conversations/${id}/refuse-offer`));
  loadLists();
}

function takeOver(c) {
  if (c.state !== "bot" || !may("conversations_serve")) return null;
  return h("div", { class: "offer" }, [
    h("span", "机器人接待中"),
    h(ElButton, { size: "small", "aria-label": `接管${conversationName(c)}`, onClick: () => claim(c.id) }, () => "接管"),
  ]);
}

function timing(c) {
  if (c.state === "waiting") {
    const waited = since(c.waiting_since, store.now);
    return h("span", { class: ["waited", { long: waited > 180 }] }, `等待 ${span(waited)}`);
  }
  if (c.needs_answer) return h("span", { class: "waited long" }, `待回复 ${span(since(c.last_customer_at ?? c.last.at, store.now))}`);
  return h("span", { class: "waited" }, c.last ? "已回复" : "");
}

function item(c, n) {
  const chosen = c.id === store.openId;
  return h("li", { key: c.id }, [
    h(
      "button",
      {
        type: "button", class: ["entry", c.urgency, { chosen, answer: c.needs_answer && c.state === "staff" }],
        "aria-current": chosen ? "true" : undefined, "data-id": c.id, onClick: () => openConversation(c.id),
      },
      [
        h("span", { class: "top" }, [
          c.position ? h("b", { class: "place", title: `排队第${n + 1}位` }, n + 1) : null,
          h("b", { class: "who" }, conversationName(c)),
          c.urgency !== "general" ? urgencyTag(c.urgency, c.urgency_title) : null,
          timing(c),
        ]),
        h("span", { class: "said" }, (c.state === "waiting" ? c.matter : null) ?? c.last?.text ?? c.handoff_reason ?? ""),
        h("span", { class: "bottom" }, [
          h("span", c.reading?.type_title ?? c.team_title ?? ""),
          c.holder && c.holder.id !== store.me.id ? h("span", `${c.holder.title}接待中`) : null,
          c.tickets.length ? dueChip(c.due_at, c.due_clock, { held: c.tickets.every((t) => t.paused) }) : null,
        ]),
      ],
    ),
    offerLine(c),
    takeOver(c),
  ]);
}

// Read only while it is open: the bot talks with many, and every word of theirs is a change.
function botGroup() {
  const { shown, list } = store.bots;
  return h("section", { class: "group bots" }, [
    h("h2", h("button", { type: "button", class: "plain", "aria-expanded": String(shown), onClick: showBots }, shown ? "收起机器人接待中" : "查看机器人接待中")),
    shown ? (list.length ? h("ul", list.map((c, n) => item(c, n))) : h("p", { class: "nothing" }, "没有")) : null,
  ]);
}

function showBots() {
  store.bots.shown = !store.bots.shown;
  return loadBots();
}

function group(title, list, empty) {
  return h("section", { class: "group" }, [
    h("h2", [title, h("span", { class: "count" }, list.length)]),
    list.length ? h("ul", list.map((c, n) => item(c, n))) : h("p", { class: "nothing" }, empty),
  ]);
}

export function queue() {
  const { waiting, mine, team } = store.lists;
  const nobody = !waiting.length && !mine.length && !team.length;
  return h("nav", { class: "left", "aria-label": "会话" }, [
    group("我的会话", mine, "还没有接入的会话"),
    group("排队", waiting, "没有客户在等待"),
    may("tickets_lead") || team.length ? group("同事接待中", team, "没有") : null,
    may("conversations_watch") ? botGroup() : null,
    nobody && !store.listsLoaded ? h(ElEmpty, { description: "正在读取…" }) : null,
    waiting.length && may("conversations_serve")
      ? h("div", { class: "next" }, [
          h(ElButton, { type: "primary", class: "wide", onClick: () => claim(nextUp().id) }, () => "接入下一位"),
        ])
      : null,
  ]);
}

// An offer to me comes first; what is held out to others is not mine to take.
export function nextUp() {
  const { waiting } = store.lists;
  return waiting.find((c) => c.offer?.staff_id === store.me.id) ?? waiting.find((c) => !c.offer) ?? waiting[0];
}
