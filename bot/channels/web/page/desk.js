// The page's line to the desk (接入): session, messages, the event stream and what the device keeps.

const PATIENCE_MS = 15000;
const PICTURE_PATIENCE_MS = 60000;
const SILENCE_MS = 45000;
const LONGEST_WAIT_MS = 20000;

export class DeskError extends Error {
  constructor(code, message, status, retryAfter = 0) {
    super(message);
    this.code = code;
    this.status = status;
    this.retryAfter = retryAfter;
  }

  // A refused text stays refused; everything else may go through at the next try.
  get isFinal() {
    return [400, 403, 413, 415, 422].includes(this.status);
  }
}

// A browser may forbid storage altogether: the page then works for as long as it is open.
export function keep(name, value) {
  try {
    if (value === null) localStorage.removeItem(name);
    else localStorage.setItem(name, JSON.stringify(value));
  } catch {
    /* nothing is kept */
  }
}

export function kept(name, otherwise = null) {
  try {
    return JSON.parse(localStorage.getItem(name)) ?? otherwise;
  } catch {
    return otherwise;
  }
}

export function newClientId() {
  if (crypto.randomUUID) return crypto.randomUUID();
  // Plain http on a local network has no randomUUID.
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

async function readAnswer(answer) {
  let body = null;
  try {
    body = await answer.json();
  } catch {
    body = null;
  }
  if (answer.ok && body?.ok) return body.data;
  const { code = "unavailable", message = "" } = body?.error ?? {};
  const retryAfter = Number(answer.headers.get("Retry-After")) || 0;
  throw new DeskError(code, message, answer.status, retryAfter);
}

async function call(method, path, { token, body, form } = {}) {
  const headers = { Accept: "application/json" };
  if (token) headers.Authorization = `Bearer ${token}`;
  if (body) headers["Content-Type"] = "application/json";
  try {
    const answer = await fetch(path, {
      method,
      headers,
      body: body ? JSON.stringify(body) : form,
      signal: AbortSignal.timeout(form ? PICTURE_PATIENCE_MS : PATIENCE_MS),
      cache: "no-store",
    });
    return await readAnswer(answer);
  } catch (error) {
    if (error instanceof DeskError) throw error;
    throw new DeskError("unreachable", "", 0);
  }
}

export const readSite = () => call("GET", "/api/v1/site");
export const openSession = () => call("POST", "/api/v1/sessions", { body: {} });
export const readTicket = (token, number) =>
  call("GET", `/api/v1/tickets/${encodeURIComponent(number)}`, { token });
export const postMessage = (token, message) =>
  call("POST", "/api/v1/messages", { token, body: message });

export function postPicture(token, { file, client_message_id }) {
  const form = new FormData();
  form.append("file", file, file.name);
  form.append("client_message_id", client_message_id);
  return call("POST", "/api/v1/pictures", { token, form });
}

export const askPhoneCode = (token, phone) =>
  call("POST", "/api/v1/phone", { token, body: { phone } });
export const provePhone = (token, code) =>
  call("POST", "/api/v1/phone/code", { token, body: { code } });

export const readMessages = (token, after) =>
  call("GET", `/api/v1/messages?after=${after}`, { token });

function parseFrame(frame) {
  const event = { type: "message", data: "" };
  for (const line of frame.split("\n")) {
    const colon = line.indexOf(":");
    if (colon === 0) continue;
    const field = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? "" : line.slice(colon + 1).replace(/^ /, "");
    if (field === "event") event.type = value;
    else if (field === "data") event.data += (event.data && "\n") + value;
  }
  return event;
}

async function readStream(body, onSign, onEvent) {
  const reader = body.getReader();
  const decoder = new TextDecoder();
  let buffer = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    onSign();
    buffer += decoder.decode(value, { stream: true }).replace(/\r/g, "");
    const frames = buffer.split("\n\n");
    buffer = frames.pop();
    for (const frame of frames) {
      const { type, data } = parseFrame(frame);
      if (data) onEvent(type, JSON.parse(data));
    }
  }
}

// EventSource cannot carry the Authorization header, hence a reader of our own.
async function listenOnce({ token, cursor, onOpen, onEvent, stop }) {
  const hangUp = new AbortController();
  const end = () => hangUp.abort();
  stop.addEventListener("abort", end);
  let watch;
  const onSign = () => {
    clearTimeout(watch);
    watch = setTimeout(end, SILENCE_MS);
  };
  try {
    onSign();
    const answer = await fetch(`/api/v1/stream?after=${cursor}`, {
      headers: { Accept: "text/event-stream", Authorization: `Bearer ${token}` },
      signal: hangUp.signal,
      cache: "no-store",
    });
    if (!answer.ok) await readAnswer(answer);
    onOpen();
    await readStream(answer.body, onSign, onEvent);
  } finally {
    clearTimeout(watch);
    stop.removeEventListener("abort", end);
    hangUp.abort();
  }
}

function pause(milliseconds, stop) {
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer);
      for (const [target, name] of wakers) target.removeEventListener(name, done);
      resolve();
    };
    // A network or a person that comes back should not have to wait for the timer.
    const wakers = [[stop, "abort"], [window, "online"], [document, "visibilitychange"]];
    const timer = setTimeout(done, milliseconds);
    for (const [target, name] of wakers) target.addEventListener(name, done);
  });
}

// Listens until stopped; every new try goes on from the last id that was seen.
export function listen({ token, cursor, onOpen, onEvent, onLost, onRefused }) {
  const stopper = new AbortController();
  const stop = stopper.signal;
  (async () => {
    let tries = 0;
    while (!stop.aborted) {
      try {
        const opened = () => {
          tries = 0;
          onOpen();
        };
        await listenOnce({ token, cursor: cursor(), onOpen: opened, onEvent, stop });
      } catch (error) {
        if (error instanceof DeskError && error.status === 401) return onRefused();
      }
      if (stop.aborted) return undefined;
      onLost();
      const wait = Math.min(1000 * 2 ** tries, LONGEST_WAIT_MS);
      tries += 1;
      await pause(wait * (0.75 + Math.random() / 2), stop);
    }
    return undefined;
  })();
  return () => stopper.abort();
}
