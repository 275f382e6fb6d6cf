// The console (客服工作台): the frame, the top bar, and which page is shown.

import { createApp, h, watch } from "vue";
import { ElConfigProvider, ElDropdown, ElDropdownItem, ElDropdownMenu } from "element-plus";
import zhCn from "zh-cn";
import * as desk from "./desk.js";
import { attempt, begin, may, ownTicket, presenceChoices, setPresence, store } from "./store.js";
import { icon } from "./parts.js";
import { queue } from "./queue.js";
import { talk } from "./talk.js";
import { ticketPanel } from "./ticket_panel.js";
import { enterTickets, ticketsPage } from "./tickets_page.js";
import { approvalsPage, enterPeople, peoplePage } from "./people_page.js";
import { coachPage, enterCoach } from "./coach_page.js";
import { MORE } from "./more_pages.js";
import { dialogs } from "./dialogs.js";
import { leave, newPassword, signIn } from "./sign_in.js";
import { onKey } from "./keys.js";

const PAGES = [
  ["talk", "接待", "queue", "conversations_read"],
  ["tickets", "工单", "ticket", "tickets_read"],
  MORE.incidents.nav,
  MORE.followup.nav,
  ["approvals", "审批与通知", "bell", "tickets_read"],
  MORE.outbox.nav,
  ["people", "同事", "people", "conversations_read"],
  MORE.figures.nav,
  ["coach", "训练", "spark", "figures_read"],
];

watch(() => store.page, (page) => {
  if (page === "talk") ownTicket();
  if (page === "tickets") enterTickets();
  if (page === "people") enterPeople();
  if (page === "coach") enterCoach();
  MORE[page]?.enter();
});

function presence() {
  const { presence: now, presence_reason: reason } = store.presence;
  const title = reason ?? store.tables.presences.find((p) => p.id === now)?.title ?? "离岗";
  return h(ElDropdown, { trigger: "click", onCommand: ([id, why]) => setPresence(id, why) }, {
    default: () => h("button", { type: "button", class: ["presence", now], "aria-label": `在岗状态：${title}` }, [h("i"), title]),
    dropdown: () => h(ElDropdownMenu, () => presenceChoices().map(([id, why, label]) => h(ElDropdownItem, { key: label, command: [id, why] }, () => label))),
  });
}

const counts = () => ({ talk: store.lists.waiting.length, approvals: store.approvals.length + store.notices.length });

function top() {
  return h("header", { class: "bar" }, [
    h("a", { class: "skip", href: "#main" }, "跳到主要内容"),
    h("img", { src: "/static/web/favicon.svg", alt: "", width: 26, height: 26 }),
    h("b", { class: "brand" }, "客服工作台"),
    h("nav", { class: "pages", "aria-label": "页面" }, PAGES.filter((p) => may(p[3])).map(([id, title, sign]) =>
      h("button", { key: id, type: "button", class: { on: store.page === id }, "aria-current": store.page === id ? "page" : undefined, onClick: () => { store.page = id; } }, [
        icon(sign), id === "people" && may("audit_read") ? "同事与审计" : title, counts()[id] ? h("span", { class: "bubblecount" }, counts()[id] > 99 ? "99+" : counts()[id]) : null,
      ]))),
    h("span", { class: "fill" }),
    store.online ? null : h("span", { class: "offline", role: "alert" }, "连接已断开，正在重连…"),
    may("presence_own") ? presence() : null,
    h("button", { type: "button", class: "plain", title: "快捷键（?）", "aria-label": "快捷键", onClick: () => { store.dialog = { kind: "keys" }; } }, "?"),
    h(ElDropdown, { trigger: "click", onCommand: (go) => go() }, {
      default: () => h("button", { type: "button", class: "plain me" }, [store.me.title, h("span", { class: "tiny" }, store.me.role_title)]),
      dropdown: () => h(ElDropdownMenu, () => [
        h(ElDropdownItem, { command: () => { store.page = "password"; } }, () => "修改密码"),
        h(ElDropdownItem, { command: async () => { await attempt(() => desk.post("/sign-out", { everywhere: true })); leave(); } }, () => "退出所有设备"),
        h(ElDropdownItem, { command: leave }, () => "退出登录"),
      ]),
    }),
  ]);
}

function body() {
  if (store.page === "tickets") return ticketsPage();
  if (store.page === "approvals") return approvalsPage();
  if (store.page === "people") return peoplePage();
  if (store.page === "coach") return coachPage();
  if (MORE[store.page]) return MORE[store.page].show();
  if (store.page === "password") return newPassword({ first: false });
  return h("div", { class: "three" }, [queue(), talk(), ticketPanel()]);
}

function shown() {
  if (!store.ready) return h("p", { class: "opening" }, "正在打开客服工作台…");
  if (!store.me) return signIn();
  if (store.mustChange) return newPassword();
  if (!store.tables) return h("p", { class: "opening" }, "正在读取…");
  return h("div", { class: "frame" }, [top(), body(), dialogs()]);
}

const app = createApp({ render: () => h(ElConfigProvider, { locale: zhCn }, { default: shown }) });
app.config.errorHandler = (error) => console.error(error);

(async () => {
  try {
    await begin(await desk.get("/me"));
  } catch {
    store.me = null;
  }
  store.ready = true;
  app.mount("#console");
  document.addEventListener("keydown", onKey);
})();

