// Words and clocks of the customer page (用语与时刻): what the handbook's titles leave to say, and
// instants as people say them.

export const INPUT_LIMIT = 2000;
export const COUNTER_FROM = 1800;

export const CLASS_LABELS = {
  urgent: "紧急",
  major: "重大问题",
  general: "一般问题",
  consultation: "咨询",
};

// The next thing that happens, so that a customer never has to guess (handbook 1.3).
export const NEXT_STEPS = {
  submitted: "等待受理确认",
  accepted: "正在派单给处理人员",
  processing: "处理人员正在处理，完成后会通知您",
  on_hold: "暂停处理，原因请见对话中的说明",
  resolved: "已处理完成，请确认问题是否解决",
  confirmed: "感谢您的确认，即将归档",
  closed: "已办结归档，如仍有问题可以申请重开",
  closed_unconfirmed: "未能联系到您确认，已先归档，如仍有问题可以申请重开",
  rejected: "未能受理，原因请见对话中的说明",
  withdrawn: "已按您的要求撤销",
};

// Where a ticket stands on the road of handbook 1.5; side exits have no road.
export const ROAD = ["受理", "处理", "回访", "闭环"];
const ROAD_PLACE = {
  submitted: 0,
  accepted: 1,
  processing: 1,
  on_hold: 1,
  resolved: 2,
  confirmed: 3,
  closed: 4,
};

export const roadPlace = (state) => ROAD_PLACE[state] ?? null;
export const isRunning = (state) => ["submitted", "accepted", "processing"].includes(state);
export const typeLabel = (ticket) => ticket.type_title || "服务请求";
export const classLabel = (ticket) =>
  CLASS_LABELS[ticket.deadline_class] || ticket.deadline_class_title || "";
export const stateLabel = (ticket) => ticket.state_title || "";

const ZONE = "Asia/Shanghai";
const WEEKDAYS = ["星期日", "星期一", "星期二", "星期三", "星期四", "星期五", "星期六"];
const PARTS = new Intl.DateTimeFormat("en-US", {
  timeZone: ZONE,
  year: "numeric",
  month: "numeric",
  day: "numeric",
  hour: "2-digit",
  minute: "2-digit",
  hourCycle: "h23",
});

function partsOf(instant) {
  const found = {};
  for (const { type, value } of PARTS.formatToParts(new Date(instant))) found[type] = value;
  return found;
}

// A number that grows by one at every midnight in Shanghai.
function dayNumber(instant) {
  const { year, month, day } = partsOf(instant);
  return Date.UTC(+year, month - 1, +day) / 86400000;
}

export function clockTime(instant) {
  const { hour, minute } = partsOf(instant);
  return `${hour}:${minute}`;
}

export function dueTime(instant) {
  const { month, day } = partsOf(instant);
  return `${month}月${day}日 ${clockTime(instant)} 前`;
}

export const dayKey = (instant) => String(dayNumber(instant));

export function dayLabel(instant, now) {
  const age = dayNumber(now) - dayNumber(instant);
  if (age === 0) return "今天";
  if (age === 1) return "昨天";
  const { year, month, day } = partsOf(instant);
  const date = `${month}月${day}日 ${WEEKDAYS[(dayNumber(instant) + 4) % 7]}`;
  return year === partsOf(now).year ? date : `${year}年${date}`;
}

function span(milliseconds) {
  const seconds = Math.floor(milliseconds / 1000);
  const days = Math.floor(seconds / 86400);
  const hours = Math.floor(seconds / 3600) % 24;
  const minutes = Math.floor(seconds / 60) % 60;
  if (days > 0) return hours ? `${days} 天 ${hours} 小时` : `${days} 天`;
  if (hours > 0) return `${hours} 小时 ${minutes} 分`;
  return minutes > 0 ? `${minutes} 分 ${seconds % 60} 秒` : `${seconds} 秒`;
}

// Null when the instant is unknown, so that nothing is shown rather than something wrong.
export function timeLeft(instant, now) {
  const left = new Date(instant) - now;
  if (Number.isNaN(left)) return null;
  if (left < 0) return { late: true, text: `已超时 ${span(-left)}` };
  return { late: false, soon: left < 3600000, text: `还剩 ${span(left)}` };
}

export function basisLabel(basis) {
  const clauses = /^(?:手册\s*)?(\d[\d.、]*)$/.exec(basis ?? "");
  return clauses ? `《电信服务规范与标准手册》第 ${clauses[1]} 条` : (basis ?? "");
}

export const lengthOf = (text) => [...text].length;
