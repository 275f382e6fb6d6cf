// The widget's line to the desk (挂件接入): session, messages, stream, pictures.

const PATIENCE_MS = 15000;
const LONGEST_WAIT_MS = 20000;

export class Refused extends Error {
  constructor(status, code, message) {
    super(message);
    this.status = status;
    this.code = code;
  }
}

export function newId() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

export function makeLine(desk, store, identify) {
  async function call(method, path, body, { anonymous = false } = {}) {
    const headers = {};
    const token = store.token();
    if (token && !anonymous) headers.Authorization = `Bearer ${token}`;
    const isForm = body instanceof FormData;
    if (body && !isForm) headers["Content-Type"] = "application/json";
    const answer = await fetch(`${desk}/api/v1${path}`, {
      method,
      headers,
      body: isForm || !body ? body : JSON.stringify(body),
      signal: AbortSignal.timeout(PATIENCE_MS),
      cache: "no-store",
    });
    const data = await answer.json().catch(() => null);
    if (answer.ok && data?.ok) return data.data;
    throw new Refused(answer.status, data?.error?.code ?? "unavailable", data?.error?.message ?? "");
  }

  async function session() {
    await identify();
    if (store.token()) return;
    const { token } = await call("POST", "/sessions", {}, { anonymous: true });
    store.setToken(token);
  }

  async function again(work) {
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof Refused) || error.status !== 401) throw error;
      store.setToken(null);
      await session();
      return work();
    }
  }

  return {
    session,
    site: () => call("GET", "/site"),
    messages: (after) => again(() => call("GET", `/messages?after=${after}`)),
    send: (text, id) => again(() => call("POST", "/messages", { text, client_message_id: id })),
    picture(file, id) {
      const form = new FormData();
      form.append("file", file, file.name);
      form.append("client_message_id", id);
      return again(() => call("POST", "/pictures", form));
    },
    listen: (options) => listen(desk, store, options),
  };
}

function parse(frame) {
  const event = { type: "message", data: "" };
  for (const line of frame.split("\n")) {
    if (line.startsWith("event:")) event.type = line.slice(6).trim();
    else if (line.startsWith("data:")) event.data += line.slice(5).trim();
  }
  return event;
}

async function listenOnce(desk, store, { cursor, onEvent, onOpen }, signal) {
  const answer = await fetch(`${desk}/api/v1/stream?after=${cursor()}`, {
    headers: { Authorization: `Bearer ${store.token()}` },
    signal,
    cache: "no-store",
  });
  if (!answer.ok) throw new Refused(answer.status, "stream", "");
  onOpen();
  const reader = answer.body.getReader();
  const decoder = new TextDecoder();
  let buffer = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    buffer += decoder.decode(value, { stream: true }).replace(/\r/g, "");
    const frames = buffer.split("\n\n");
    buffer = frames.pop();
    for (const event of frames.map(parse)) {
      if (event.data) onEvent(event.type, JSON.parse(event.data));
    }
  }
}

function listen(desk, store, options) {
  const stopper = new AbortController();
  (async () => {
    for (let tries = 0; !stopper.signal.aborted; tries += 1) {
      try {
        const onOpen = () => {
          tries = 0;
          options.onOpen();
        };
        await listenOnce(desk, store, { ...options, onOpen }, stopper.signal);
      } catch (error) {
        if (error instanceof Refused && error.status === 401) store.setToken(null);
      }
      if (stopper.signal.aborted) return;
      options.onLost();
      const wait = Math.min(1000 * 2 ** tries, LONGEST_WAIT_MS) * (0.75 + Math.random() / 2);
      await new Promise((resolve) => setTimeout(resolve, wait));
    }
  })();
  return () => stopper.abort();
}
