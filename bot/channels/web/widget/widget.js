// The customer-service button for any site (网页挂件):
// <script src="https://desk.example/widget.js" async data-language="zh" data-side="right"
//         data-identity="token of the host's server" data-title="在线客服"></script>
// The button alone is loaded with the page; the conversation's code comes when it is opened.
(() => {
  const script = document.currentScript;
  if (!script || window.intakeWidget) return;
  const desk = new URL(script.src).origin;
  const settings = { desk, ...script.dataset };
  const english = String(settings.language || document.documentElement.lang || "zh").startsWith("en");
  const UNREAD_EVERY_MS = 30000;
  const PREFIX = `intake:${desk}:`;

  // A browser may forbid storage: the widget then works for as long as the page is open.
  const memory = {};
  const read = (name) => {
    try {
      return localStorage.getItem(PREFIX + name) ?? memory[name] ?? null;
    } catch {
      return memory[name] ?? null;
    }
  };
  const write = (name, value) => {
    memory[name] = value;
    try {
      if (value === null) localStorage.removeItem(PREFIX + name);
      else localStorage.setItem(PREFIX + name, String(value));
    } catch {
      /* kept in memory */
    }
  };
  const store = {
    token: () => read("token"),
    setToken: (value, conversation = null) => {
      // The same conversation under a new token keeps what was seen of it.
      if (!conversation || conversation !== read("conversation")) write("seen", "0");
      write("conversation", conversation);
      write("token", value);
    },
    seen: () => Number(read("seen")) || 0,
    setSeen: (id) => write("seen", Math.max(id, store.seen())),
  };

  // Whose session this is. The host's token is used with the page: it lives five minutes, and what
  // another user of this browser said must be gone before anything is shown.
  async function handOver() {
    const given = settings.identity || null;
    const owner = read("identity");
    if (given === owner || (!owner && given === read("refused"))) return;
    const become = (session, identity) => {
      store.setToken(session?.token ?? null, session?.conversation_id);
      write("identity", identity);
    };
    if (!given) return become(null, null);
    const headers = { "Content-Type": "application/json" };
    // What a visitor began unknown goes with them; what another user said does not.
    if (!owner && store.token()) headers.Authorization = `Bearer ${store.token()}`;
    const body = JSON.stringify({ token: given });
    const answer = await fetch(`${desk}/api/v1/sessions/hand-over`, { method: "POST", headers, body, cache: "no-store" });
    if (answer.ok) return become((await answer.json()).data, given);
    if (answer.status === 429 || answer.status >= 500) throw new Error("later");
    write("refused", given);
    return become(null, null);
  }
  let handed = null;
  const identify = () =>
    (handed ??= handOver().catch((error) => {
      handed = null;
      throw error;
    }));

  const host = document.createElement("div");
  host.dataset.side = settings.side === "left" ? "left" : "right";
  const root = host.attachShadow({ mode: "open" });
  const make = (tag, attributes = {}, ...children) => {
    const element = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
    element.append(...children);
    return element;
  };
  const badge = make("span", { class: "badge", hidden: "" });
  const button = make("button", { type: "button", class: "launch", "aria-expanded": "false" });
  const SVG = "http://www.w3.org/2000/svg";
  const picture = document.createElementNS(SVG, "svg");
  const path = document.createElementNS(SVG, "path");
  picture.setAttribute("viewBox", "0 0 24 24");
  picture.setAttribute("aria-hidden", "true");
  path.setAttribute("fill", "currentColor");
  path.setAttribute("d", "M12 3C6.5 3 2 6.8 2 11.5c0 2.6 1.4 4.9 3.6 6.4L5 21l3.9-1.9c1 .3 2 .4 3.1.4 5.5 0 10-3.6 10-8S17.5 3 12 3z");
  picture.append(path);
  button.append(picture, badge);
  root.append(button);

  let chat = null;
  let unread = 0;
  function showUnread(count) {
    unread = count;
    badge.hidden = count === 0;
    badge.textContent = count > 99 ? "99+" : String(count);
    const open = english ? "Open customer service" : "打开在线客服";
    const some = english ? `${count} unread` : `${count} 条未读消息`;
    button.setAttribute("aria-label", count ? `${open}（${some}）` : open);
  }

  async function countUnread() {
    try {
      await identify();
      if (!store.token() || document.hidden || chat?.isOpen()) return;
      const answer = await fetch(`${desk}/api/v1/messages?after=${store.seen()}`, {
        headers: { Authorization: `Bearer ${store.token()}` },
        cache: "no-store",
      });
      if (!answer.ok) return;
      const { data } = await answer.json();
      if (!chat?.isOpen()) showUnread(data.messages.filter((m) => m.author !== "customer").length);
    } catch {
      /* tried again later */
    }
  }

  async function open() {
    button.disabled = true;
    try {
      if (!chat) {
        const { makeChat } = await import(`${desk}/widget/chat.js`);
        chat = makeChat({ root, settings, store, identify, make, language: english ? "en" : "zh", onClose, onNews });
      }
      await chat.open();
      showUnread(0);
      button.setAttribute("aria-expanded", "true");
    } finally {
      button.disabled = false;
    }
  }
  function onClose() {
    button.setAttribute("aria-expanded", "false");
    button.focus();
  }
  const onNews = () => chat?.isOpen() || showUnread(unread + 1);
  const close = () => chat?.close();
  button.addEventListener("click", () => (chat?.isOpen() ? close() : open()));

  function begin() {
    document.body.append(host);
    import(`${desk}/widget/style.js`).then(({ dress }) => dress(root));
    showUnread(0);
    countUnread();
    setInterval(countUnread, UNREAD_EVERY_MS);
    document.addEventListener("visibilitychange", countUnread);
  }
  window.intakeWidget = { open, close };
  if (document.body) begin();
  else document.addEventListener("DOMContentLoaded", begin);
})();
