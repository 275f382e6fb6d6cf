// The console's line to the desk (接入): calls with the CSRF token, and the stream of changes.

const BASE = "/api/v1/staff";
const PATIENCE_MS = 20000;
// These read all of the training data, in a process of their own.
const TOOLS = /^\/coach\/(promotion|new-type|words|change-type|situations)/;
const TOOL_MS = 118000;
let csrf = "";

// Only what follows a key or a pointer keeps the sign-in alive; what the page reads by itself does not.
let touched = false;
for (const kind of ["pointerdown", "keydown", "wheel", "input"]) {
  addEventListener(kind, (event) => { touched ||= event.isTrusted; }, { capture: true, passive: true });
}

export class DeskError extends Error {
  constructor(code, message, status, details = {}) {
    super(message);
    this.code = code;
    this.status = status;
    this.details = details;
  }
}

export function setToken(token) {
  csrf = token || "";
}

async function answered(answer) {
  let body = null;
  try {
    body = await answer.json();
  } catch {
    body = null;
  }
  if (answer.ok && body?.ok) return body.data;
  const { code = "unavailable", message = "服务暂时不可用，请稍后重试", details } = body?.error ?? {};
  throw new DeskError(code, message, answer.status, details);
}

async function send(method, path, { body, form } = {}) {
  const headers = { Accept: "application/json" };
  if (csrf) headers["X-CSRF-Token"] = csrf;
  if (body) headers["Content-Type"] = "application/json";
  if (touched) headers["X-Intake-Input"] = "1";
  touched = false;
  let answer;
  try {
    answer = await fetch(BASE + path, {
      method,
      headers,
      body: form ?? (body ? JSON.stringify(body) : undefined),
      credentials: "same-origin",
      cache: "no-store",
      signal: AbortSignal.timeout(TOOLS.test(path) ? TOOL_MS : PATIENCE_MS),
    });
  } catch {
    throw new DeskError("unreachable", "连接不上服务器，请检查网络", 0);
  }
  return answered(answer);
}

export const get = (path, query = {}) => {
  const wanted = Object.entries(query).filter(([, value]) => value !== undefined && value !== null && value !== "");
  const text = new URLSearchParams(wanted.map(([key, value]) => [key, String(value)])).toString();
  return send("GET", text ? `${path}?${text}` : path);
};
export const post = (path, body = {}) => send("POST", path, { body });
export const remove = (path) => send("DELETE", path);

export function upload(path, file) {
  const form = new FormData();
  form.append("file", file);
  return send("POST", path, { form });
}

// EventSource sends the last event's id by itself when it connects again, so nothing is missed.
export function listen({ onChanges, onState, onSignedOut }) {
  let source = null;
  let stopped = false;
  let timer = 0;
  let cursor = "";
  let tries = 0;
  const seen = (event) => {
    if (event.lastEventId) cursor = event.lastEventId;
    tries = 0;
    onState(true);
  };
  const open = () => {
    source = new EventSource(`${BASE}/stream${cursor ? `?cursor=${cursor}` : ""}`);
    source.addEventListener("ready", seen);
    source.addEventListener("ping", seen);
    source.addEventListener("signed_out", onSignedOut);
    source.addEventListener("changes", (event) => {
      seen(event);
      onChanges(JSON.parse(event.data));
    });
    source.onerror = () => {
      onState(false);
      if (source.readyState !== EventSource.CLOSED || stopped) return;
      timer = setTimeout(open, Math.min(500 * 2 ** tries, 10000));
      tries += 1;
    };
  };
  open();
  return () => {
    stopped = true;
    clearTimeout(timer);
    source?.close();
  };
}
