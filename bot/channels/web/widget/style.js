// The widget's looks (挂件样式): a constructed sheet, which no content policy forbids.

const SHEET = `
:host { all: initial; --blue: #0a59b5; --ink: #1b2733; --soft: #f2f5f9; --line: #d5dde6;
  font: 15px/1.6 -apple-system, "PingFang SC", "Microsoft YaHei", system-ui, sans-serif;
  color: var(--ink); color-scheme: light; }
* { box-sizing: border-box; font: inherit; }
button { cursor: pointer; border: 0; background: none; color: inherit; padding: 0; }
:focus-visible { outline: 3px solid #ffb020; outline-offset: 2px; }
[hidden] { display: none !important; }
.launch { position: fixed; right: 20px; bottom: 20px; z-index: 2147483000; width: 56px; height: 56px;
  border-radius: 50%; background: var(--blue); color: #fff; box-shadow: 0 4px 16px #0004; }
.launch svg { width: 28px; height: 28px; display: block; margin: auto; }
:host([data-side="left"]) .launch, :host([data-side="left"]) .panel { right: auto; left: 20px; }
.badge { position: absolute; top: -4px; right: -4px; min-width: 22px; height: 22px; padding: 0 6px;
  border-radius: 11px; background: #c62828; color: #fff; font-size: 13px; line-height: 22px; }
.panel { position: fixed; right: 20px; bottom: 88px; z-index: 2147483000; width: 380px;
  height: min(620px, calc(100vh - 110px)); display: flex; flex-direction: column; background: #fff;
  border-radius: 12px; box-shadow: 0 8px 40px #0004; overflow: hidden; }
.top { display: flex; align-items: center; gap: 8px; padding: 12px 16px; background: var(--blue); color: #fff; }
.top h2 { margin: 0; font-size: 16px; font-weight: 600; flex: 1; }
.top button { min-width: 32px; min-height: 32px; padding: 0 10px; border-radius: 6px; background: #ffffff22; }
.state { margin: 0; padding: 4px 16px; background: #fff7e0; font-size: 13px; color: #5d4300; }
.log { flex: 1; overflow-y: auto; padding: 12px 16px; overscroll-behavior: contain; }
.row { margin: 0 0 12px; display: flex; flex-direction: column; align-items: flex-start; }
.row.customer { align-items: flex-end; }
.who { font-size: 12px; color: #51606f; }
.bubble { max-width: 85%; margin: 2px 0 0; padding: 8px 12px; border-radius: 10px; background: var(--soft);
  white-space: pre-wrap; overflow-wrap: anywhere; }
.customer .bubble { background: #d9e9fb; }
.bubble img { display: block; max-width: 100%; max-height: 220px; border-radius: 6px; }
.note { font-size: 12px; color: #51606f; }
.note.bad { color: #b3261e; text-decoration: underline; }
.ticket { margin-top: 6px; padding: 8px 12px; border: 1px solid var(--line); border-radius: 8px; font-size: 14px; }
.choices { display: flex; flex-wrap: wrap; gap: 6px; margin-top: 6px; }
.choices button { min-height: 34px; padding: 2px 12px; border: 1px solid var(--blue); border-radius: 17px; color: var(--blue); background: #fff; }
.write { display: flex; gap: 6px; align-items: flex-end; padding: 10px; border-top: 1px solid var(--line); }
.write textarea { flex: 1; resize: none; max-height: 120px; min-height: 38px; padding: 7px 10px;
  border: 1px solid #8a97a5; border-radius: 8px; background: #fff; color: inherit; }
.tool { width: 38px; height: 38px; border-radius: 8px; color: var(--blue); }
.tool[aria-pressed="true"] { background: #ffe3e0; color: #b3261e; }
.tool svg { width: 22px; height: 22px; display: block; margin: auto; }
.send { min-height: 38px; padding: 0 14px; border-radius: 8px; background: var(--blue); color: #fff; }
@media (max-width: 480px) {
  .panel { inset: 0; width: 100%; height: 100%; border-radius: 0; }
  :host([data-side="left"]) .panel { left: 0; }
}
@media (prefers-reduced-motion: no-preference) { .panel { animation: rise .15s ease-out; } }
@keyframes rise { from { transform: translateY(12px); opacity: 0; } }
`;

export function dress(root) {
  const sheet = new CSSStyleSheet();
  sheet.replaceSync(SHEET);
  root.adoptedStyleSheets = [sheet];
}
