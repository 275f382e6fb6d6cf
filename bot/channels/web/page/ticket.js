// The ticket card (工单卡片): number, class, state, the two due times and what they rest on.

import { h, ref } from "/static/lib/vue/dist/vue.runtime.esm-browser.prod.js";
import { talk } from "./conversation.js";
import {
  ROAD,
  NEXT_STEPS,
  basisLabel,
  classLabel,
  dueTime,
  isRunning,
  roadPlace,
  stateLabel,
  timeLeft,
  typeLabel,
} from "./words.js";

const CopyButton = {
  props: ["text"],
  setup(props) {
    const done = ref(false);
    const copy = async () => {
      await navigator.clipboard.writeText(props.text);
      done.value = true;
      setTimeout(() => (done.value = false), 2000);
    };
    return () => {
      // Plain http on a local network has no clipboard.
      if (!navigator.clipboard) return null;
      return h(
        "button",
        { type: "button", class: "copy", onClick: copy, "aria-label": `复制工单号 ${props.text}` },
        [h("span", { role: "status" }, done.value ? "已复制" : "复制")],
      );
    };
  },
};

function road(ticket) {
  const place = roadPlace(ticket.state);
  if (place === null) return null;
  const steps = ROAD.map((name, index) => {
    const stage = index < place ? "done" : index === place ? "current" : "ahead";
    return h("li", { class: stage, "aria-current": stage === "current" ? "step" : undefined }, name);
  });
  return h("ol", { class: "road", "aria-label": "办理进度" }, steps);
}

// A first response cannot be seen from outside: its clock is silent once it has run out.
function clock(ticket, instant, { isFirstResponse }) {
  if (ticket.state === "on_hold" && !isFirstResponse) return h("span", { class: "left" }, "暂停计时");
  if (!isRunning(ticket.state) || (isFirstResponse && ticket.responded_at)) return null;
  const left = timeLeft(instant, talk.now);
  if (!left || (isFirstResponse && left.late)) return null;
  const tone = left.late ? "late" : left.soon ? "soon" : "";
  return h("span", { class: ["left", tone], role: "timer", "aria-live": "off" }, left.text);
}

function due(ticket, name, instant, options) {
  if (!instant) return null;
  return h("div", { class: "due" }, [
    h("dt", name),
    h("dd", [h("time", { datetime: instant }, dueTime(instant)), clock(ticket, instant, options)]),
  ]);
}

export const TicketCard = {
  props: ["number"],
  setup(props) {
    return () => {
      const { ticket } = talk.tickets[props.number];
      const next = ticket.next_step || NEXT_STEPS[ticket.state];
      const basis = basisLabel(ticket.basis);
      return h(
        "section",
        { class: "ticket", "data-class": ticket.deadline_class, "aria-label": `工单 ${ticket.number}` },
        [
          h("header", [
            h("span", { class: "class" }, classLabel(ticket)),
            h("span", { class: "type" }, typeLabel(ticket)),
            h("span", { class: "state", "data-state": ticket.state }, stateLabel(ticket)),
          ]),
          h("p", { class: "number" }, [
            h("span", { class: "name" }, "工单号"),
            h("strong", ticket.number),
            h(CopyButton, { text: ticket.number }),
          ]),
          road(ticket),
          h("dl", [
            due(ticket, "首次响应", ticket.respond_by, { isFirstResponse: true }),
            due(ticket, "处理完成", ticket.resolve_by, { isFirstResponse: false }),
          ]),
          next && h("p", { class: "next" }, next),
          basis && h("p", { class: "basis" }, `时限依据：${basis}`),
        ],
      );
    };
  },
};

// Only the latest word on a ticket shows the whole card; earlier ones point to it.
export function ticketMention(message) {
  const { number } = message.ticket;
  const known = talk.tickets[number];
  if (known.messageId === message.id) {
    const place = { id: `ticket-${number}`, class: "place", tabindex: -1 };
    return h("div", place, h(TicketCard, { number }));
  }
  const label = `工单 ${number}，${stateLabel(known.ticket)}，查看最新状态`;
  return h(
    "button",
    { type: "button", class: "mention", "aria-label": label, onClick: () => showTicket(number) },
    [`工单 ${number}`, h("span", stateLabel(known.ticket))],
  );
}

export function showTicket(number) {
  const card = document.getElementById(`ticket-${number}`);
  if (!card) return;
  card.scrollIntoView({ block: "center", behavior: "auto" });
  card.focus({ preventScroll: true });
}
