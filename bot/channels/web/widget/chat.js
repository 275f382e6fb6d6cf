// The widget's conversation (挂件对话): loaded when the button is first pressed.

import { makeLine, newId, Refused } from "./line.js";
import { wordsFor } from "./words.js";

const LARGEST = 10 * 1024 * 1024;
const TRIES = 4;
const AGAIN_MS = 5000;
const PATHS = {
  picture: "M21 19V5a2 2 0 0 0-2-2H5a2 2 0 0 0-2 2v14a2 2 0 0 0 2 2h14a2 2 0 0 0 2-2zM8.5 13.5l2.5 3 3.5-4.5 4.5 6H5z",
  speak: "M12 14a3 3 0 0 0 3-3V5a3 3 0 0 0-6 0v6a3 3 0 0 0 3 3zm5-3a5 5 0 0 1-10 0H5a7 7 0 0 0 6 6.9V21h2v-3.1A7 7 0 0 0 19 11z",
};

export function makeChat({ root, settings, store, identify, make, language, onClose, onNews }) {
  const say = wordsFor(language);
  const line = makeLine(settings.desk, store, identify);
  const shown = new Map();
  let last = 0;
  let stop = null;
  let opened = false;

  const log = make("div", { class: "log", role: "log", "aria-live": "polite", tabindex: "0" });
  const state = make("p", { class: "state", role: "status", hidden: "" });
  const field = make("textarea", { rows: "1", placeholder: say("placeholder"), "aria-label": say("placeholder") });
  const title = make("h2", {}, settings.title || say("title"));
  const panel = make("section", { class: "panel", role: "dialog", "aria-label": settings.title || say("title"), hidden: "" });

  function icon(name) {
    const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
    const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
    svg.setAttribute("viewBox", "0 0 24 24");
    svg.setAttribute("aria-hidden", "true");
    path.setAttribute("fill", "currentColor");
    path.setAttribute("d", PATHS[name]);
    svg.append(path);
    return svg;
  }

  function button(label, onClick, attributes = {}, ...children) {
    const element = make("button", { type: "button", ...attributes });
    element.append(...(children.length ? children : [label]));
    if (children.length) element.setAttribute("aria-label", label);
    element.addEventListener("click", onClick);
    return element;
  }

  const toEnd = () => (log.scrollTop = log.scrollHeight);
  const setState = (text) => {
    state.textContent = text;
    state.hidden = !text;
  };

  function bubble(message) {
    const inner = make("p", { class: "bubble" });
    const file = message.attachment;
    if (file?.url && String(file.media_type).startsWith("image/")) {
      inner.append(make("img", { src: settings.desk + file.url, alt: say("image"), loading: "lazy" }));
    }
    if (message.text) inner.append(message.text);
    else if (!inner.childNodes.length) inner.append(say("image"));
    return inner;
  }

  function show(message) {
    const key = message.client_message_id ?? `id:${message.id}`;
    const row = make("div", { class: `row ${message.author}` });
    row.append(make("span", { class: "who" }, say(message.author === "customer" ? "you" : message.author)));
    row.append(bubble(message));
    if (message.ticket) {
      const { number, resolve_by: due } = message.ticket;
      const words = [`${say("ticket")} ${number}`];
      if (due) words.push(`${say("due")} ${new Date(due).toLocaleString(language)}`);
      row.append(make("div", { class: "ticket" }, words.join(" · ")));
    }
    if (message.buttons?.length) {
      const choices = message.buttons.map(({ title: words, payload }) => button(words, () => send(payload || words)));
      row.append(make("div", { class: "choices" }, ...choices));
    }
    const before = shown.get(key);
    if (before) before.replaceWith(row);
    else log.append(row);
    shown.set(key, row);
    if (message.id) {
      last = Math.max(last, message.id);
      if (opened) store.setSeen(last);
    }
    toEnd();
    return row;
  }

  // One id for all tries: the desk takes a message once.
  async function deliver(row, work) {
    const note = make("span", { class: "note" }, say("sending"));
    row.append(note);
    for (let tries = 0; tries < TRIES; tries += 1) {
      try {
        const { message } = await work();
        show(message);
        return;
      } catch (error) {
        const isFinal = error instanceof Refused && [400, 403, 413, 415, 422].includes(error.status);
        if (isFinal && error.message) {
          note.textContent = error.message;
          note.className = "note bad";
          return;
        }
        await new Promise((resolve) => setTimeout(resolve, 800 * 2 ** tries));
      }
    }
    const again = () => {
      row.querySelector(".note").remove();
      deliver(row, work);
    };
    note.replaceWith(button(say("failed"), again, { class: "note bad" }));
  }

  async function send(text) {
    const words = text.trim();
    if (!words) return;
    const id = newId();
    const row = show({ author: "customer", text: words, client_message_id: id });
    await deliver(row, async () => {
      await line.session();
      return line.send(words, id);
    });
    listen();
  }

  async function sendPicture(file) {
    if (!file) return;
    const id = newId();
    const row = show({ author: "customer", text: file.name, client_message_id: id });
    if (file.size > LARGEST) {
      row.append(make("span", { class: "note bad" }, say("large")));
      return;
    }
    await deliver(row, async () => {
      await line.session();
      return line.picture(file, id);
    });
    listen();
  }

  function voiceButton() {
    const Recognition = window.SpeechRecognition || window.webkitSpeechRecognition;
    if (!Recognition) return [];
    const recognition = new Recognition();
    recognition.lang = language === "en" ? "en-US" : "zh-CN";
    recognition.interimResults = false;
    let active = false;
    const end = () => {
      active = false;
      tool.setAttribute("aria-pressed", "false");
      setState("");
    };
    const tool = button(say("speak"), () => {
      if (active) return recognition.stop();
      active = true;
      tool.setAttribute("aria-pressed", "true");
      setState(say("listening"));
      return recognition.start();
    }, { class: "tool", "aria-pressed": "false" }, icon("speak"));
    recognition.addEventListener("result", (event) => {
      field.value += [...event.results].map((result) => result[0].transcript).join("");
      field.focus();
    });
    recognition.addEventListener("end", end);
    recognition.addEventListener("error", end);
    return [tool];
  }

  function compose() {
    const input = make("input", { type: "file", accept: "image/*", hidden: "" });
    input.addEventListener("change", () => {
      sendPicture(input.files[0]);
      input.value = "";
    });
    const submit = () => {
      send(field.value);
      field.value = "";
    };
    field.addEventListener("keydown", (event) => {
      // 229: an input method is still composing.
      if (event.key !== "Enter" || event.shiftKey || event.isComposing || event.keyCode === 229) return;
      event.preventDefault();
      submit();
    });
    const picture = button(say("picture"), () => input.click(), { class: "tool" }, icon("picture"));
    return make("div", { class: "write" }, input, picture, ...voiceButton(), field, button(say("send"), submit, { class: "send" }));
  }

  function onEvent(type, data) {
    if (type === "message") {
      const isNew = data.id > last;
      show(data);
      if (isNew && data.author !== "customer") onNews();
    } else if (type === "conversation") {
      const words = { waiting: say("waiting", { n: data.position ?? "" }), staff: say("served") };
      setState(words[data.state] ?? "");
    }
  }

  function listen() {
    if (stop || !store.token()) return;
    stop = line.listen({
      cursor: () => last,
      onEvent,
      onOpen: () => setState(""),
      onLost: () => setState(say("lost")),
    });
  }

  async function greet() {
    const { greeting, quick } = await line.site();
    if (!shown.size) show({ author: "bot", text: greeting, buttons: quick, client_message_id: "greeting" });
  }

  async function fill() {
    try {
      await identify();
    } catch {
      // Nothing is shown before it is known whose it is.
      setState(say("lost"));
      setTimeout(fill, AGAIN_MS);
      return;
    }
    try {
      if (store.token()) {
        const { messages } = await line.messages(0);
        messages.forEach(show);
      }
      await greet();
    } catch {
      setState(say("lost"));
    }
    listen();
  }

  function close() {
    opened = false;
    panel.hidden = true;
    onClose();
  }

  panel.append(
    make("header", { class: "top" }, title, button(say("person"), () => send("转人工")), button(say("close"), close, {}, "×")),
    state, log, compose(),
  );
  panel.addEventListener("keydown", (event) => event.key === "Escape" && close());
  root.append(panel);
  const filled = fill();

  return {
    isOpen: () => opened,
    close,
    async open() {
      opened = true;
      panel.hidden = false;
      field.focus();
      await filled;
      store.setSeen(last);
      toEnd();
    },
  };
}
