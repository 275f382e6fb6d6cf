// What the console knows (状态): the person, lists, the open conversation, and how it is kept fresh.

import { reactive } from "vue";
import { ElMessage } from "element-plus";
import * as desk from "./desk.js";

export const store = reactive({
  ready: false,
  me: null,
  presence: { presence: "off", presence_reason: null },
  tables: null,
  mustChange: false,
  page: "talk",
  now: Date.now(),
  online: true,
  lists: { waiting: [], mine: [], team: [] },
  bots: { shown: false, list: [] },
  openId: null,
  open: null,
  ticketNumber: null,
  ticket: null,
  ticketHidden: false,
  people: [],
  notices: [],
  approvals: [],
  dialog: null,
  listsLoaded: false,
});

export const may = (permission) => Boolean(store.me?.may.includes(permission));

// Half-written replies stay with their conversation, also over a reload.
const DRAFTS = "intake.drafts";
export function draftOf(id) {
  try {
    return JSON.parse(sessionStorage.getItem(DRAFTS) ?? "{}")[id] ?? "";
  } catch {
    return "";
  }
}
export function keepDraft(id, text) {
  try {
    const all = JSON.parse(sessionStorage.getItem(DRAFTS) ?? "{}");
    if (text) all[id] = text;
    else delete all[id];
    sessionStorage.setItem(DRAFTS, JSON.stringify(all));
  } catch {
    /* nothing is kept */
  }
}

export function tell(error) {
  if (error.status === 401) return signedOut();
  ElMessage({ message: error.message, type: "error", duration: 4000, showClose: true });
  return undefined;
}

// Run an act; an error is told and answered with null.
export async function attempt(act) {
  try {
    return await act();
  } catch (error) {
    tell(error);
    return null;
  }
}

// Read in the background: when the line is down, everything that is shown is read again later,
// so that a hint that came just before is not lost.
let again = 0;
async function fresh(read, gone = () => {}) {
  try {
    const data = await read();
    return data;
  } catch (error) {
    if (error.status === 401) signedOut();
    else if (error.status === 0 || error.status >= 500) {
      store.online = false;
      clearTimeout(again);
      again = setTimeout(catchUp, 1500);
    } else if (error.status === 404 || error.status === 403) gone();
    else tell(error);
    return null;
  }
}

async function catchUp() {
  if (!store.me || store.mustChange) return;
  const lists = await loadLists();
  if (!lists) return;
  store.online = true;
  await Promise.all([refreshConversation(), store.ticketNumber ? openTicket(store.ticketNumber) : null, loadNotices(), loadApprovals(), loadPeople()]);
}

let stopListening = null;
export function signedOut() {
  stopListening?.();
  stopListening = null;
  desk.setToken("");
  Object.assign(store, { me: null, open: null, openId: null, ticket: null, ticketNumber: null, mustChange: false, page: "talk", dialog: null, listsLoaded: false, bots: { shown: false, list: [] } });
}

export async function begin(me) {
  desk.setToken(me.csrf_token);
  store.me = me.staff;
  store.mustChange = me.must_change_password;
  if (store.mustChange) return;
  store.tables = await desk.get("/tables");
  const fresh = await desk.get("/me");
  store.presence = { presence: fresh.presence, presence_reason: fresh.presence_reason, capacity: fresh.capacity };
  await Promise.all([loadLists(), loadNotices(), loadApprovals(), loadPeople()]);
  stopListening?.();
  stopListening = desk.listen({
    onChanges: changed,
    onState: (state) => {
      store.online = state;
    },
    onSignedOut: signedOut,
  });
}

// Answers can overtake each other: one that was asked for earlier than what is shown is dropped.
const asked = { lists: 0, open: 0, ticket: 0 };
const shownOf = { lists: 0, open: 0, ticket: 0 };
function newest(what, turn) {
  if (turn < shownOf[what]) return false;
  shownOf[what] = turn;
  return true;
}

export async function loadLists() {
  const turn = ++asked.lists;
  const data = await fresh(() => desk.get("/conversations"));
  if (!data) return false;
  if (!newest("lists", turn)) return true;
  const all = data.conversations;
  const before = new Set(store.lists.waiting.map((c) => c.id));
  store.lists.waiting = all.filter((c) => c.state === "waiting");
  store.lists.mine = all.filter((c) => c.state === "staff" && c.holder?.id === store.me?.id).sort(byNeed);
  store.lists.team = all.filter((c) => c.state === "staff" && c.holder?.id !== store.me?.id);
  if (store.listsLoaded && store.lists.waiting.some((c) => !before.has(c.id))) document.title = "● 有新的排队 - 客服工作台";
  store.listsLoaded = true;
  loadBots();
  return true;
}

// What the bot serves now, newest word first, for those who may watch it.
export async function loadBots() {
  if (!store.bots.shown || !may("conversations_watch")) return;
  const data = await fresh(() => desk.get("/conversations", { state: "bot", limit: 50 }));
  if (data) store.bots.list = data.conversations;
}

function byNeed(a, b) {
  if (a.needs_answer !== b.needs_answer) return a.needs_answer ? -1 : 1;
  return (a.last_customer_at ?? "") < (b.last_customer_at ?? "") ? -1 : 1;
}

export async function loadNotices() {
  const data = await fresh(() => desk.get("/notices", { unread: true }));
  if (data) store.notices = data.notices;
}
export async function loadApprovals() {
  if (!may("approvals_decide")) return;
  const data = await fresh(() => desk.get("/approvals"));
  if (data) store.approvals = data.approvals;
}
export async function loadPeople() {
  const data = await fresh(() => desk.get("/people"));
  if (data) store.people = data.people;
  // A leader may have set it, or the desk for who was gone.
  const own = data?.people.find((p) => p.id === store.me?.id);
  if (own) Object.assign(store.presence, { presence: own.presence, presence_reason: own.presence_reason });
}

export async function openConversation(id) {
  store.openId = id;
  store.open = store.open?.conversation.id === id ? store.open : null;
  store.page = "talk";
  const turn = ++asked.open;
  const data = await attempt(() => desk.get(`/conversations/${id}`));
  if (!data || store.openId !== id) return;
  if (newest("open", turn) || store.open?.conversation.id !== id) store.open = data;
  await ownTicket();
}

// Beside a conversation stands a ticket of its customer; what other pages have chosen stays with them.
export async function ownTicket() {
  if (store.page !== "talk" || !store.open) return;
  const { tickets } = store.open;
  const current = tickets.find((t) => t.number === store.ticketNumber);
  const first = tickets.find((t) => ["accepted", "processing", "on_hold", "submitted"].includes(t.state)) ?? tickets[0];
  await openTicket((current ?? first)?.number ?? null);
}

// What went to another team is no longer this person's to read or answer.
function leave(id) {
  if (store.openId !== id) return;
  Object.assign(store, { open: null, openId: null });
  if (store.page === "talk") Object.assign(store, { ticket: null, ticketNumber: null });
  ElMessage({ message: "会话已转到其他团队，不再显示", type: "info" });
}

// Read again what is open, without losing the place.
export async function refreshConversation() {
  const id = store.openId;
  if (!id) return;
  const turn = ++asked.open;
  const data = await fresh(() => desk.get(`/conversations/${id}`), () => leave(id));
  if (!data || store.openId !== id || !newest("open", turn)) return;
  store.open = data;
  if (!store.ticketNumber) await ownTicket();
}

export async function openTicket(number) {
  Object.assign(store, { ticketNumber: number, ticketHidden: false });
  if (store.ticket?.number !== number) store.ticket = null;
  if (!number) return;
  const turn = ++asked.ticket;
  const data = await fresh(() => desk.get(`/tickets/${number}`), () => { store.ticketHidden = store.ticketNumber === number; });
  if (store.ticketNumber === number && newest("ticket", turn)) store.ticket = data;
}

// What an act on a ticket answers is shown where that ticket is still the chosen one.
export function showTicket(data) {
  if (data?.number === store.ticketNumber && newest("ticket", ++asked.ticket)) store.ticket = data;
}
export const refreshTicket = (number) => (store.ticketNumber === number ? openTicket(number) : null);

let pending = null;
let queued = false;
async function changed(news) {
  if (!store.me) return;
  if (news.people) loadPeople();
  if (news.notices) loadNotices();
  if (news.events?.some((e) => e.kind.startsWith("approval"))) loadApprovals();
  if (store.openId && news.conversations.includes(store.openId)) refreshConversation();
  if (store.ticketNumber && news.tickets.includes(store.ticketNumber)) openTicket(store.ticketNumber);
  for (const listener of listeners) listener(news);
  // Many changes at once are one reading of the lists.
  if (pending) {
    queued = true;
    return;
  }
  pending = loadLists();
  await pending;
  pending = null;
  if (queued) {
    queued = false;
    changed({ conversations: [], tickets: [], events: [] });
  }
}

const listeners = new Set();
export function onChange(listener) {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

// Each presence with each reason that the table has for it: one choice says both.
export const presenceChoices = () =>
  store.tables.presences.flatMap((p) => (p.reasons.length ? p.reasons.map((r) => [p.id, r, `${p.title} · ${r}`]) : [[p.id, undefined, p.title]]));

export async function setPresence(presence, reason) {
  const data = await attempt(() => desk.post("/presence", { presence, reason }));
  if (data) Object.assign(store.presence, data);
}

// One act on the open conversation: its answer is the new state.
export async function act(name, body = {}) {
  const id = store.openId;
  const data = await attempt(() => desk.post(`/conversations/${id}/${name}`, body));
  await Promise.all([refreshConversation(), loadLists()]);
  return data;
}

export async function claim(id) {
  // What the person looks at decides: the lists may be a moment behind it.
  const known = [store.open?.conversation, ...store.lists.waiting, ...store.lists.team, ...store.bots.list].find((c) => c?.id === id);
  const data = await attempt(() => desk.post(`/conversations/${id}/claim`, known ? { epoch: known.epoch } : {}));
  await loadLists();
  if (data) {
    if (store.presence.presence === "off") Object.assign(store.presence, { presence: "duty", presence_reason: null });
    await openConversation(id);
    setTimeout(() => document.getElementById("reply")?.focus(), 50);
  } else if (store.openId === id) {
    await refreshConversation();
  }
}

setInterval(() => {
  store.now = Date.now();
}, 1000);
addEventListener("focus", () => {
  document.title = "客服工作台";
});
addEventListener("online", catchUp);
