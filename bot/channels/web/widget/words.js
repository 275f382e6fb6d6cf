// What the widget says (挂件文案), in Chinese and English.

const WORDS = {
  zh: {
    open: "打开在线客服", close: "关闭", title: "在线客服", unread: "{n} 条未读消息",
    placeholder: "请描述您遇到的问题", send: "发送", picture: "发送图片", speak: "语音输入",
    listening: "正在聆听…", person: "转人工", you: "我", bot: "智能客服", staff: "人工客服",
    system: "系统通知", lost: "连接中断，正在重新连接…", failed: "发送失败，点此重试",
    large: "图片不能超过 10 MB", waiting: "正在排队，第 {n} 位", served: "人工客服正在为您服务",
    ticket: "工单号", due: "预计办结", sending: "发送中", image: "图片",
  },
  en: {
    open: "Open customer service", close: "Close", title: "Customer service", unread: "{n} unread",
    placeholder: "Please describe the problem", send: "Send", picture: "Send a picture",
    speak: "Speak", listening: "Listening…", person: "Talk to a person", you: "Me", bot: "Assistant",
    staff: "Agent", system: "Notice", lost: "Connection lost, trying again…",
    failed: "Not sent. Tap to try again", large: "Pictures may have up to 10 MB",
    waiting: "Waiting, number {n}", served: "An agent is with you", ticket: "Ticket",
    due: "Due", sending: "Sending", image: "Picture",
  },
};

export function wordsFor(language) {
  const found = WORDS[String(language || "zh").slice(0, 2).toLowerCase()] ?? WORDS.zh;
  return (key, values = {}) => found[key].replace(/\{(\w+)\}/g, (_, name) => values[name] ?? "");
}
