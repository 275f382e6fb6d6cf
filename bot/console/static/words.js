// How times, spans and states are written (用词).

const pad = (n) => String(n).padStart(2, "0");

// The desk speaks in Shanghai time wherever the browser stands; China has had no summer time since 1991.
const wall = (moment) => new Date(new Date(moment).getTime() + 8 * 3600 * 1000);

export function clockTime(text) {
  if (!text) return "";
  const at = wall(text);
  return `${pad(at.getUTCHours())}:${pad(at.getUTCMinutes())}`;
}

export function dayTime(text) {
  if (!text) return "";
  const at = wall(text);
  const same = at.toISOString().slice(0, 10) === wall(Date.now()).toISOString().slice(0, 10);
  return same ? clockTime(text) : `${at.getUTCMonth() + 1}月${at.getUTCDate()}日 ${clockTime(text)}`;
}

export function span(seconds) {
  const s = Math.max(0, Math.round(seconds));
  if (s < 60) return `${s}秒`;
  if (s < 3600) return `${Math.floor(s / 60)}分${pad(s % 60)}秒`;
  if (s < 86400) return `${Math.floor(s / 3600)}小时${pad(Math.floor((s % 3600) / 60))}分`;
  return `${Math.floor(s / 86400)}天${Math.floor((s % 86400) / 3600)}小时`;
}

export const since = (text, now) => (now - new Date(text).getTime()) / 1000;

// What is left until a due time: words and how loud they are.
export function left(due, now, { held = false } = {}) {
  const seconds = (new Date(due).getTime() - now) / 1000;
  if (held) return { text: "已挂起", level: "held" };
  if (seconds < 0) return { text: `超时${span(-seconds)}`, level: "late" };
  const level = seconds < 1800 ? "soon" : seconds < 7200 ? "near" : "calm";
  return { text: `剩${span(seconds)}`, level };
}

export const AUTHORS = { customer: "客户", bot: "智能客服", staff: "客服代表", system: "系统提示" };
export const LEVELS = { block: "必改", warn: "建议改", suggest: "提示" };
export const CLOCKS = { response: "首次响应", resolution: "处理完成", callback: "承诺回电", complaint: "投诉答复", appeal: "申诉答复", survey: "电话回访", improvement: "改进措施", hold: "挂起期限" };

// The answer to a complaint has no number; that to an appeal has the number of its line.
export const clockTitle = (name) => (name.startsWith("complaint:") ? CLOCKS.appeal : CLOCKS[name.split(":")[0]] ?? name);

// What a chip has room for, and what it says to who asks: 首次响应 剩3小时20分.
const SHORT = { resolution: "解决", callback: "回电", survey: "回访", improvement: "改进" };
export const clockName = (name) => SHORT[name.split(":")[0]] ?? clockTitle(name);
export function clockSentence(name, due, text, { held = false } = {}) {
  const title = clockTitle(name);
  return held ? `${title}计时已挂起，最迟${dayTime(due)}到期` : `${title}期限为${dayTime(due)}，${text}`;
}

export function conversationName(conversation) {
  return `${conversation.channel_title}客户 ${conversation.id.slice(-6)}`;
}

export const size = (bytes) =>
  bytes < 1024 * 1024 ? `${Math.max(1, Math.round(bytes / 1024))} KB` : `${(bytes / 1024 / 1024).toFixed(1)} MB`;

// Offsets of findings count characters; JavaScript counts UTF-16 units.
export function toUnits(text, offset) {
  return Array.from(text).slice(0, offset).join("").length;
}
