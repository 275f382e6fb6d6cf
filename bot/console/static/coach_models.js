// Models (模型): train, examine, try in the shadow, switch, and the way back.

import { h, reactive } from "vue";
import { ElButton, ElMessage, ElMessageBox, ElProgress, ElTag } from "element-plus";
import * as desk from "./desk.js";
import { attempt, may, store } from "./store.js";
import { sure } from "./coach_parts.js";
import { dayTime, span } from "./words.js";

const view = reactive({ watched: [], models: [], serving: null, history: [], routes: {}, job: {}, report: null });
const KINDS = { switch: "上线", rollback: "退回", automatic: "自动退回", canary: "灰度", canary_end: "结束灰度", override: "放行" };
const JOBS = { train: "训练", gate: "评审", shadow: "影子运行" };
const STATES = { starting: "启动中", running: "进行中", done: "完成", failed: "失败", cancelled: "已取消" };
// Training tells the names of Rasa's components; the gate tells its stages in words.
const STAGES = { reading: "读取语料", RulePolicy: "对话规则", JiebaTokenizer: "分词", NgramFeaturizer: "字词特征", SentenceFeaturizer: "整句特征", FactExtractor: "要素", RequestTypeClassifier: "诉求类型", UrgencyClassifier: "紧急程度", FallbackClassifier: "反问的界限", shadow: "旁读" };
let timer = 0;
let reading = 0;

export async function enterModels() {
  await Promise.all([loadModels(), loadJob()]);
}

async function loadModels() {
  const data = await attempt(() => desk.get("/coach/models"));
  if (!data) return;
  Object.assign(view, data);
  clearTimeout(reading);
  if (view.shadow?.model) reading = setTimeout(() => document.querySelector(".standing") && loadModels(), 5000);
}

const isBusy = () => ["starting", "running"].includes(view.job.state);

async function loadJob() {
  if (!may("coaching")) return;
  const before = isBusy();
  const data = await attempt(() => desk.get("/coach/jobs"));
  if (!data) return;
  view.job = data;
  clearTimeout(timer);
  if (isBusy() && store.page === "coach") timer = setTimeout(loadJob, 1000);
  else if (before) loadModels();
}

async function start(body) {
  const data = await attempt(() => desk.post("/coach/jobs", body));
  if (!data) return;
  view.job = data;
  setTimeout(loadJob, 500);
}

// The signals are no part of a model: one that starts now raises urgency by the table of today.
function otherSignals(name) {
  const judged = view.models.find((m) => m.name === name)?.signals;
  if (!judged || judged === view.signals) return "";
  const [was, is] = [judged, view.signals].map((s) => s.replace(/^(\S+)-(\S+)$/, "第$1版（$2）"));
  return `注意：紧急征象已改动。该模型评审（或训练）时为${was}，现为${is}；它应答时按现在的征象判紧急，评审的紧急召回率不再作数。`;
}

async function reasoned(title, act, name = "") {
  const answer = await ElMessageBox.prompt(`${otherSignals(name)}请写明原因，会留在历史里`, title, { inputValidator: (v) => Boolean(v?.trim()) || "请写明原因", confirmButtonText: "确定", cancelButtonText: "取消" }).catch(() => null);
  if (!answer) return;
  const data = await attempt(() => act(answer.value.trim()));
  if (data) ElMessage({ message: "已生效", type: "success" });
  await loadModels();
}

const switchTo = (name) => reasoned(`上线 ${name}`, (reason) => desk.post(`/coach/models/${name}/switch`, { reason }), name);
const letPass = (name) => reasoned(`放行 ${name}`, (reason) => desk.post(`/coach/models/${name}/override`, { reason }));
const share = (title, words, most, usual) => ElMessageBox.prompt(words, title, { inputValue: String(usual), inputValidator: (v) => (/^\d+$/.test(v) && v >= 1 && v <= most) || `请填1到${most}的整数`, confirmButtonText: "下一步", cancelButtonText: "取消" }).then((a) => Number(a.value), () => null);
async function canary(name) {
  const percent = await share(`灰度 ${name}`, "由新模型应答的会话比例（%），最多50", 50, 10);
  if (percent) await reasoned(`灰度${percent}% ${name}`, (reason) => desk.post("/coach/canary", { model: name, percent, reason }), name);
}
async function shadow(name) {
  const percent = await share(`影子 ${name}`, "旁读的会话比例（%）；先读最近一周的话，再随新的话读下去，不应答", 100, 100);
  if (!percent) return;
  if (await attempt(() => desk.post("/coach/shadow", { model: name, hours: 168, percent }))) ElMessage({ message: "影子已开始旁读", type: "success" });
  await loadModels();
}
async function endShadow() {
  if (await attempt(() => desk.post("/coach/shadow", {}))) ElMessage({ message: "影子已结束", type: "success" });
  await loadModels();
}
const backTo = (name) => reasoned(`退回 ${name}`, (reason) => desk.post("/coach/rollback", { model: name, reason }), name);
const endCanary = () => reasoned("结束灰度", (reason) => desk.post("/coach/canary", { reason }));
async function back() {
  const told = otherSignals(view.pointer.previous);
  if (told && !(await sure(told, `退回 ${view.pointer.previous}`))) return;
  if (await attempt(() => desk.post("/coach/rollback", {}))) ElMessage({ message: "已退回上一个模型", type: "success" });
  await loadModels();
}
async function showReport(name) {
  view.report = await attempt(() => desk.get(`/coach/models/${name}/gate`));
}

function job() {
  const j = view.job;
  if (!may("coaching")) return null;
  return h("section", { class: "job" }, [
    h("div", { class: "acts" }, [
      h(ElButton, { type: "primary", disabled: isBusy(), onClick: () => start({ kind: "train" }) }, () => "开始训练"),
      isBusy() ? h(ElButton, { onClick: async () => { await attempt(() => desk.post("/coach/jobs/cancel")); loadJob(); } }, () => "取消") : null,
    ]),
    j.kind ? h("div", { role: "status" }, [
      h("p", `${JOBS[j.kind] ?? j.kind}：${STATES[j.state] ?? j.state}${j.stage && isBusy() ? ` · ${STAGES[j.stage] ?? j.stage}` : ""}${j.left_s && isBusy() ? ` · 约剩${span(j.left_s)}` : ""}${j.differences !== undefined ? ` · 读了${j.turns}句，${j.differences}句不同` : ""}`),
      isBusy() ? h(ElProgress, { percentage: Math.round((j.share ?? 0) * 100) }) : null,
      j.message ? h("p", { class: "tiny" }, j.message) : null,
      j.log?.length ? h("details", [h("summary", "日志"), h("pre", { class: "joblog" }, j.log.slice(-40).join("\n"))]) : null,
    ]) : null,
  ]);
}

function verdict(model) {
  const g = model.gate;
  if (g.passed === undefined) return h("span", { class: "tiny" }, "未评审");
  if (g.passed && !g.override) {
    const lacks = model.name === view.serving ? "" : !g.played ? "走完对话后才能上线" : g.against !== view.serving ? "对比的不是在用模型，请重新评审" : otherSignals(model.name) ? "评审之后紧急征象有改动，请重新评审" : "";
    return [h(ElTag, { type: lacks ? "warning" : "success", size: "small" }, () => (lacks ? "初评通过" : "通过")), lacks ? h("p", { class: "tiny" }, lacks) : null];
  }
  return [h(ElTag, { type: g.override ? "warning" : "danger", size: "small" }, () => (g.override ? "班长放行" : "未通过")), h("p", { class: "tiny" }, g.override ? `${g.override.by}：${g.override.reason}` : (g.reasons ?? []).join("；"))];
}

const served = (name) => view.history.some((c) => ["switch", "rollback", "automatic"].includes(c.kind) && [c.model, c.previous].includes(name));

function row(model) {
  const serving = model.name === view.serving;
  const passed = model.gate.override || (model.gate.passed && model.gate.played && model.gate.against === view.serving && !otherSignals(model.name));
  const acts = [
    may("coaching") && ["评审", () => start({ kind: "gate", model: model.name })],
    may("coaching") && ["评审并走对话", () => start({ kind: "gate", model: model.name, play: true })],
    model.gate.passed !== undefined && ["报告", () => showReport(model.name)],
    may("coaching") && !serving && ["影子", () => shadow(model.name)],
    may("coaching") && !serving && passed && ["灰度", () => canary(model.name)],
    may("coaching") && !serving && (served(model.name) ? ["退回到此", () => backTo(model.name)] : ["上线", () => switchTo(model.name)]),
    may("tickets_lead") && model.gate.passed === false && !model.gate.override && ["放行", () => letPass(model.name)],
  ].filter(Boolean);
  return h("tr", { key: model.name, class: { on: serving } }, [
    h("td", [h("b", model.name), serving ? h(ElTag, { size: "small" }, () => "在用") : null, model.canary ? h(ElTag, { size: "small", type: "warning" }, () => "灰度") : null]),
    h("td", dayTime(new Date(model.made * 1000).toISOString())), h("td", model.card.sentences ?? "—"), h("td", `${model.size_mb} MB`), h("td", verdict(model)),
    h("td", { class: "acts" }, acts.map(([title, run]) => h(ElButton, { key: title, size: "small", disabled: isBusy() && ["评审", "评审并走对话"].includes(title), onClick: run }, () => title))),
  ]);
}

const SHADOWS = { starting: "准备中", reading: "旁读中", resting: "暂停", failed: "未能旁读，将自动再试" };
const STALE_MS = 120_000;

function standing() {
  const s = view.shadow;
  if (!s?.model) return null;
  const stale = s.state === "reading" && Date.now() - Date.parse(s.looked) > STALE_MS;
  return h("div", { class: "acts standing" }, [
    h("span", { role: "status" }, `影子：${s.model}，旁读${Math.round(s.share * 100)}%的会话，读了${s.turns}句，${s.differences}句不同`),
    h(ElTag, { type: s.state === "failed" || stale ? "danger" : "info", size: "small" }, () => (stale ? "旁读中断，将自动再试" : SHADOWS[s.state])),
    s.message ? h("span", { class: "tiny" }, s.message) : s.looked ? h("span", { class: "tiny" }, `最近一次 ${dayTime(s.looked)}`) : null,
    may("coaching") ? h(ElButton, { size: "small", onClick: endShadow }, () => "结束影子") : null,
  ]);
}

const titleOf = (type) => view.report?.types.find((t) => t.type === type)?.title ?? store.tables.types[type]?.title ?? store.written?.[type] ?? type;
const percent = (value) => (value === null || value === undefined ? "—" : `${(value * 100).toFixed(1)}%`);

// Live signals of a fresh switch or a canary, each beside what ends it by itself.
function watch(w) {
  return h("section", { key: w.kind, class: "watch" }, [
    h("h2", w.kind === "canary" ? `灰度中：${w.model}` : `上线后观察：${w.model}`),
    h("p", { class: "tiny" }, w.kind === "canary" ? `灰度应答了${w.after}句，同一时段在用模型应答了${w.before}句；超出上限自动结束灰度` : `上线后${w.after}句，上线前一周${w.before}句；超出上限自动退回`),
    h("table", { class: "tickets" }, [h("thead", h("tr", ["信号", w.kind === "canary" ? "在用模型" : "上线前", w.kind === "canary" ? "灰度" : "上线后", "上限"].map((t) => h("th", { scope: "col", key: t }, t)))), h("tbody", w.signals.map((s) => h("tr", { key: s.id }, [
      h("td", s.title), h("td", w.before ? percent(s.before) : "—"), h("td", w.after ? percent(s.after) : "—"), h("td", !w.before ? "没有可比的话" : w.after < s.least_turns ? `${percent(s.most)}（满${s.least_turns}句起算）` : percent(s.most)),
    ])))]),
  ]);
}

const MEASURES = { urgent_recall: "紧急召回率", false_urgent: "误判紧急", accuracy: "总准确率" };
const SIGNALS = { clarified: "反问确认", handed_over: "转人工", out_of_scope: "超出范围", engine_down: "应答异常" };

function figuresOf({ figures: f }) {
  const measured = Object.entries(MEASURES).filter(([id]) => typeof f.measures?.[id] === "number").map(([id, title]) => `${title}${percent(f.measures[id])}`);
  const lived = f.before && f.after ? [["之前", f.before], ["之后", f.after]].map(([when, n]) => `${when}${n.turns}句，${Object.entries(SIGNALS).map(([id, title]) => `${title}${n[id] ?? 0}`).join("、")}`) : [];
  const all = [measured.length ? `评审时：${measured.join("，")}` : "", f.share ? `应答${Math.round(f.share * 100)}%的新会话` : "", ...lived].filter(Boolean);
  return all.length ? h("p", { class: "tiny" }, all.join("；")) : null;
}

const WORDS = { better: ["变好", "success"], worse: ["变差", "danger"], unchanged: ["持平", "info"] };

function report() {
  const r = view.report;
  if (!r) return null;
  const said = (title, list) => (list.length ? h("ul", { class: "said" }, list.map((s, n) => h("li", { key: n }, `${title} ${s.text}（${titleOf(s.before)} → ${titleOf(s.after)}）`))) : null);
  return h("section", { class: "report" }, [
    h("h2", `${r.model} 对比 ${r.against ?? "（无）"}：${r.sentences}句，${r.passed ? "通过" : "未通过"}`),
    h("table", { class: "tickets" }, [h("thead", h("tr", ["规则", "新模型", "在用模型", "标准", "结论"].map((t) => h("th", { scope: "col", key: t }, t)))), h("tbody", r.limits.map((l) => h("tr", { key: l.id }, [h("td", l.title), h("td", l.value ?? "—"), h("td", l.was ?? "—"), h("td", l.bound), h("td", [l.ok ? "达标" : l.why, l.warning].filter(Boolean).join("；"))])))]),
    h("table", { class: "tickets" }, [h("thead", h("tr", ["类型", "原来", "现在", "变化", "句子"].map((t) => h("th", { scope: "col", key: t }, t)))), h("tbody", r.types.filter((t) => t.verdict !== "unchanged" || t.fixed.length).map((t) => h("tr", { key: t.type }, [
      h("td", t.title), h("td", percent(t.before)), h("td", percent(t.after)), h("td", h(ElTag, { size: "small", type: WORDS[t.verdict][1] }, () => WORDS[t.verdict][0])), h("td", [said("＋", t.fixed), said("－", t.broken), t.still?.length ? h("details", [h("summary", `两个模型都读错的${t.still.length}句`), said("·", t.still)]) : null]),
    ])))]),
    r.conversations?.broken.length ? h("p", `变差的对话：${r.conversations.broken.map((b) => b.say).join("；")}`) : null,
    r.conversations?.failed ? h("p", r.conversations.failed.length ? `走不通的对话：${r.conversations.failed.join("；")}` : "完整对话全部走通") : null,
    r.confusion?.length ? h("details", [h("summary", "混淆变化"), h("ul", { class: "said" }, r.confusion.map((c, n) => h("li", { key: n }, `${titleOf(c.type)} 判为 ${titleOf(c.read_as)}：${c.change > 0 ? "多" : "少"}${Math.abs(c.change)}句`)))]) : null,
    h(ElButton, { onClick: () => { view.report = null; } }, () => "收起"),
  ]);
}

export function modelsTab() {
  const state = view.routes.state;
  return h("section", [
    job(),
    h("div", { class: "acts" }, [
      h("span", { role: "status" }, view.serving ? `在用：${view.serving}` : "在用：启动时按数据选定的模型"),
      state === "starting" ? h(ElTag, { type: "warning" }, () => "新模型启动中，原模型继续服务") : null,
      state === "refused" ? h(ElTag, { type: "danger" }, () => view.routes.message) : null,
      may("coaching") && view.pointer?.previous ? h(ElButton, { type: "warning", onClick: back }, () => "一键退回") : null,
      may("coaching") && view.pointer?.canary ? h(ElButton, { onClick: endCanary }, () => "结束灰度") : null,
      h(ElButton, { text: true, onClick: enterModels }, () => "刷新"),
    ]),
    ...view.watched.map(watch),
    standing(),
    view.models.length ? h("table", { class: "tickets" }, [h("thead", h("tr", ["模型", "时间", "语料", "大小", "评审", "操作"].map((t) => h("th", { scope: "col", key: t }, t)))), h("tbody", view.models.map(row))]) : h("p", { class: "nothing" }, "还没有保留的模型"),
    report(),
    h("h2", "历史"),
    view.history.length ? h("ul", { class: "rows" }, view.history.map((c) => h("li", { key: c.id }, h("div", [h("b", `${KINDS[c.kind] ?? c.kind}：${c.previous ?? "（无）"} → ${c.model}`), h("p", c.reason), figuresOf(c), h("p", { class: "tiny" }, `${c.by} ${dayTime(c.at)}`)])))) : h("p", { class: "nothing" }, "还没有变更"),
  ]);
}
