// The outbox (发件箱): what could not be delivered, why, and sending it again.

import { h, reactive } from "vue";
import { ElButton, ElMessage, ElMessageBox } from "element-plus";
import * as desk from "./desk.js";
import { attempt, openTicket, store } from "./store.js";
import { headed, plainButton } from "./parts.js";
import { dayTime } from "./words.js";

const page = reactive({ counts: [], letters: [], before: null, busy: "", loaded: false });

export const enterOutbox = () => load();

async function load(before) {
  const data = await attempt(() => desk.get("/outbox", { before }));
  if (!data) return;
  Object.assign(page, { counts: data.counts, before: data.before, loaded: true, letters: before ? [...page.letters, ...data.letters] : data.letters });
}

async function again(letter) {
  const sure = await ElMessageBox.confirm(`向${letter.target}重新发送？收件方按同一编号识别，不会重复。`, "重新发送", { confirmButtonText: "重新发送", cancelButtonText: "取消" }).then(() => true, () => false);
  if (!sure) return;
  page.busy = letter.id;
  const data = await attempt(() => desk.post(`/outbox/${letter.id}/again`));
  page.busy = "";
  if (data) ElMessage({ message: "已放回发件箱，马上发送", type: "success" });
  load();
}

function letter(l) {
  return h("tr", { key: l.id }, [
    h("td", dayTime(l.created_at)), h("td", l.sender_title), h("td", l.target || "—"),
    h("td", { class: "words" }, l.text),
    h("td", l.ticket ? [plainButton(l.ticket, async () => { store.page = "tickets"; await openTicket(l.ticket); }, { class: "link" })] : "—"),
    h("td", `${l.attempts}次`), h("td", { class: "words problemtext" }, l.error),
    h("td", [h(ElButton, { size: "small", loading: page.busy === l.id, "aria-label": `重新发送给${l.target}`, onClick: () => again(l) }, () => "重新发送")]),
  ]);
}

export function outboxPage() {
  return h("main", { class: "plainpage more", id: "main" }, [
    h("div", { class: "titleline" }, [h("h1", "发件箱"), h("span", { class: "fill" }), plainButton("刷新", () => load())]),
    h("dl", { class: "tally" }, page.counts.map((c) => h("div", { key: c.state, class: { alarm: c.state === "dead" && c.count } }, [h("dt", c.title), h("dd", c.count)]))),
    h("h2", "未送达的通知"),
    page.letters.length ? headed(["时间", "方式", "收件方", "内容", "工单", "尝试", "原因", "操作"], page.letters.map(letter)) : h("p", { class: "nothing", role: "status" }, page.loaded ? "没有未送达的通知" : "正在读取…"),
    page.before ? h("div", { class: "centre" }, [h(ElButton, { onClick: () => load(page.before) }, () => "更多")]) : null,
  ]);
}
