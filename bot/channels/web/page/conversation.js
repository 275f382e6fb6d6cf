// One customer's conversation (会话): what is known of it, and the steps that change it.

import { reactive } from "/static/lib/vue/dist/vue.runtime.esm-browser.prod.js";
import * as desk from "./desk.js";
import { dayKey, isRunning } from "./words.js";

const REPLY_EXPECTED_MS = 20000;
const LOST_SHOWN_AFTER_MS = 2500;
const SECOND_TRY_AFTER_MS = 2000;
const TICKETS_REFRESHED = 5;
const HIDDEN_FOR_MS = 5 * 60000;
const OVERLAP = 5;
const LARGEST_PICTURE = 10 * 1024 * 1024;

export const talk = reactive({
  site: { name: "", hotline: "", greeting: "", quick: null },
  loading: true,
  messages: [],
  outbox: [],
  tickets: {},
  holder: { state: "bot", position: null, holder_name: null },
  lost: false,
  online: navigator.onLine,
  replyExpected: false,
  notice: "",
  now: Date.now(),
  today: Date.now(),
});

let session = desk.kept("intake.session");
let hangUp = () => {};
let sending = false;
let skew = 0;
let replyTimer;
let lostTimer;
let hiddenTimer;
let isListening = false;

// A reply gets its id before it is delivered and may come after a message with a higher one:
// the cursor stays a few messages behind, what comes twice is noted once.
const cursor = () => talk.messages.at(-OVERLAP)?.id ?? 0;

function noteTicket(ticket, messageId) {
  const known = talk.tickets[ticket.number];
  if (known && messageId <= known.messageId) return;
  talk.tickets[ticket.number] = { ticket, messageId };
}

function stopExpecting() {
  clearTimeout(replyTimer);
  talk.replyExpected = false;
}

function expectReply(message) {
  const answered = talk.messages.some((m) => m.author !== "customer" && m.id > message.id);
  if (answered || talk.holder.state !== "bot") return;
  talk.replyExpected = true;
  clearTimeout(replyTimer);
  replyTimer = setTimeout(() => {
    stopExpecting();
    catchUp(cursor()).catch(noteLost);
  }, REPLY_EXPECTED_MS);
}

function noteMessage(message) {
  message.id = Number(message.id);
  const key = message.client_message_id;
  if (key) talk.outbox = talk.outbox.filter((item) => item.client_message_id !== key);
  if (message.ticket) noteTicket(message.ticket, message.id);
  // Ids grow, so almost every message belongs at the end.
  let place = talk.messages.length;
  while (place > 0 && talk.messages[place - 1].id > message.id) place -= 1;
  if (place > 0 && talk.messages[place - 1].id === message.id) return;
  talk.messages.splice(place, 0, message);
  if (message.author !== "customer") stopExpecting();
}

function noteHolder(data) {
  talk.holder = { position: null, holder_name: null, ...data };
  if (talk.holder.state !== "bot") stopExpecting();
}

function noteLost() {
  clearTimeout(lostTimer);
  lostTimer = setTimeout(() => (talk.lost = true), LOST_SHOWN_AFTER_MS);
}

function noteOpen() {
  clearTimeout(lostTimer);
  talk.lost = false;
}

function noteEvent(type, data) {
  if (type === "message") noteMessage(data);
  else if (type === "conversation") noteHolder(data);
  else if (type === "ping" && data.now) skew = new Date(data.now) - Date.now();
}

function stopListening() {
  hangUp();
  isListening = false;
}

function follow() {
  stopListening();
  isListening = true;
  hangUp = desk.listen({
    token: session.token,
    cursor,
    onOpen: noteOpen,
    onEvent: noteEvent,
    onLost: noteLost,
    onRefused: forgetSession,
  });
}

function forgetSession() {
  stopListening();
  noteOpen();
  session = null;
  desk.keep("intake.session", null);
  talk.holder = { state: "bot", position: null, holder_name: null };
  talk.notice = "上次的会话已过期，再次发送消息将为您开启新的会话。";
}

async function sessionToken() {
  if (!session) {
    session = await desk.openSession();
    desk.keep("intake.session", session);
    // Ids of the old session say nothing about the new one.
    talk.messages = [];
    talk.tickets = {};
    follow();
  }
  return session.token;
}

function keepOutbox() {
  // A picture is too large for the device's memory of what waits.
  const waiting = talk.outbox.filter(({ file }) => !file).map(({ state, reason, ...message }) => message);
  desk.keep("intake.outbox", waiting.length ? waiting : null);
}

async function post(item) {
  const { text, file, client_message_id } = item;
  const hand = (token) =>
    file
      ? desk.postPicture(token, { file, client_message_id })
      : desk.postMessage(token, { text, client_message_id });
  try {
    return await hand(await sessionToken());
  } catch (error) {
    if (error.status !== 401) throw error;
    forgetSession();
    return hand(await sessionToken());
  }
}

const pause = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

async function postTwice(item) {
  try {
    return await post(item);
  } catch (error) {
    const mayPass = error.status === 0 || error.status >= 500;
    if (!mayPass || !navigator.onLine) throw error;
    await pause(SECOND_TRY_AFTER_MS);
    return post(item);
  }
}

function failureReason(error) {
  if (error.message) return error.message;
  if (error.status === 429) return "发送过于频繁，请稍后重试";
  return error.status >= 500 ? "服务暂时不可用" : "网络不通";
}

async function deliver(item) {
  item.state = "sending";
  try {
    const data = await postTwice(item);
    const message = data.message ?? data;
    noteMessage({ ...message, client_message_id: item.client_message_id });
    for (const reply of data.replies ?? []) noteMessage({ author: "bot", ...reply });
    talk.notice = "";
    expectReply(message);
  } catch (error) {
    item.state = navigator.onLine ? (error.isFinal ? "refused" : "failed") : "offline";
    item.reason = failureReason(error);
  }
  keepOutbox();
}

async function sendQueued() {
  if (sending) return;
  sending = true;
  try {
    for (;;) {
      const item = talk.outbox.find(({ state }) => state === "queued");
      if (!item) return;
      if (navigator.onLine) await deliver(item);
      else item.state = "offline";
    }
  } finally {
    sending = false;
  }
}

function queue(content) {
  talk.outbox.push({
    ...content,
    client_message_id: desk.newClientId(),
    created_at: new Date(Date.now() + skew).toISOString(),
    state: "queued",
  });
  keepOutbox();
  return sendQueued();
}

export const send = (text) => queue({ text });

export function sendPicture(file) {
  if (file.size > LARGEST_PICTURE) {
    talk.notice = "图片不能超过 10 MB，请压缩后再发送。";
    return undefined;
  }
  return queue({ text: "", file, preview: URL.createObjectURL(file) });
}

export const askPhoneCode = async (phone) => desk.askPhoneCode(await sessionToken(), phone);

export async function provePhone(code) {
  const { phone, carried_from } = await desk.provePhone(await sessionToken(), code);
  const carried = carried_from ? `您在${carried_from}上登记的内容已为您接续。` : "";
  talk.notice = `手机号${phone}已绑定，您在其他渠道的工单也可以在这里查询和办理。${carried}`;
}

// The same client_message_id goes out again: the desk acts on it once.
export function retry(item) {
  item.state = "queued";
  return sendQueued();
}

export function drop(item) {
  talk.outbox = talk.outbox.filter((other) => other !== item);
  keepOutbox();
}

export function eraseDevice() {
  for (const name of ["intake.session", "intake.outbox"]) desk.keep(name, null);
  location.reload();
}

async function refreshTickets() {
  const running = Object.values(talk.tickets).filter(({ ticket }) => isRunning(ticket.state));
  for (const { ticket } of running.slice(-TICKETS_REFRESHED)) {
    try {
      const fresh = await desk.readTicket(session.token, ticket.number);
      const known = talk.tickets[ticket.number];
      known.ticket = { ...known.ticket, ...fresh };
    } catch {
      return;
    }
  }
}

async function catchUp(after) {
  const { messages, conversation } = await desk.readMessages(session.token, after);
  messages.forEach(noteMessage);
  if (conversation) noteHolder(conversation);
  // The desk hands out long histories in pieces.
  if (messages.length > 0) await catchUp(messages.at(-1).id);
}

async function loadHistory() {
  if (!session) return;
  try {
    await catchUp(0);
  } catch (error) {
    if (error.status === 401) return forgetSession();
    noteLost();
  }
  stopExpecting();
  follow();
  refreshTickets();
}

function tick() {
  talk.now = Date.now() + skew;
  if (dayKey(talk.now) !== dayKey(talk.today)) talk.today = talk.now;
}

// A browser opens few connections to one host: a page that nobody sees gives its stream back.
function watchView() {
  window.addEventListener("pagehide", stopListening);
  const onSeen = () => {
    clearTimeout(hiddenTimer);
    if (document.hidden) {
      hiddenTimer = setTimeout(stopListening, HIDDEN_FOR_MS);
      return;
    }
    if (!session || talk.loading) return;
    if (!isListening) follow();
    refreshTickets();
  };
  window.addEventListener("pageshow", onSeen);
  document.addEventListener("visibilitychange", onSeen);
}

function watchDevice() {
  window.addEventListener("offline", () => (talk.online = false));
  window.addEventListener("online", () => {
    talk.online = true;
    for (const item of talk.outbox) if (item.state === "offline") item.state = "queued";
    sendQueued();
  });
  setInterval(tick, 1000);
}

async function readSite() {
  try {
    Object.assign(talk.site, await desk.readSite());
  } catch {
    /* the page has words of its own */
  }
}

export async function begin() {
  watchDevice();
  watchView();
  const site = readSite();
  const unsent = desk.kept("intake.outbox", []);
  talk.outbox = unsent.map((item) => ({ ...item, state: "failed", reason: "上次未能送达" }));
  await Promise.all([loadHistory(), site]);
  keepOutbox();
  talk.loading = false;
}
