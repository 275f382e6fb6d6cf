// Sign-in and the first password (登录、首次改密).

import { h, reactive } from "vue";
import { ElButton, ElMessage } from "element-plus";
import * as desk from "./desk.js";
import { attempt, begin, signedOut, store } from "./store.js";

const form = reactive({ name: "", password: "", old: "", fresh: "", again: "", busy: false, error: "" });

async function enter(event) {
  event.preventDefault();
  form.busy = true;
  form.error = "";
  try {
    const me = await desk.post("/sign-in", { name: form.name.trim(), password: form.password });
    form.old = form.password;
    form.password = "";
    await begin(me);
  } catch (error) {
    form.error = error.message;
    document.getElementById("password")?.focus();
  }
  form.busy = false;
}

async function change(event) {
  event.preventDefault();
  form.error = "";
  if (form.fresh !== form.again) {
    form.error = "两次输入的新密码不一致";
    return;
  }
  form.busy = true;
  try {
    await desk.post("/password", { old: form.old, new: form.fresh });
    Object.assign(form, { old: "", fresh: "", again: "" });
    ElMessage({ message: "密码已修改", type: "success" });
    store.dialog = null;
    await begin(await desk.get("/me"));
  } catch (error) {
    form.error = error.message;
  }
  form.busy = false;
}

const FIRST = new Set(["name", "old"]);
const input = (id, label, key, type, autocomplete) => [
  h("label", { for: id }, label),
  h("input", {
    id, type, autocomplete, required: true, value: form[key], maxlength: 200,
    "aria-describedby": form.error ? "sign-in-error" : undefined,
    onVnodeMounted: FIRST.has(id) ? ({ el }) => el.focus() : undefined,
    onInput: (event) => {
      form[key] = event.target.value;
    },
  }),
];

const problem = () => (form.error ? h("p", { id: "sign-in-error", class: "problem", role: "alert" }, form.error) : null);

export function signIn() {
  return h("main", { class: "gate" }, [
    h("form", { class: "card", onSubmit: enter }, [
      h("img", { src: "/static/web/favicon.svg", alt: "", width: 44, height: 44 }),
      h("h1", "客服工作台"),
      h("p", { class: "hint" }, "请用管理员给您的账号登录"),
      ...input("name", "账号", "name", "text", "username"),
      ...input("password", "密码", "password", "password", "current-password"),
      problem(),
      h(ElButton, { type: "primary", nativeType: "submit", size: "large", loading: form.busy, class: "wide" }, () => "登录"),
    ]),
  ]);
}

export function newPassword({ first = true } = {}) {
  return h("main", { class: "gate" }, [
    h("form", { class: "card", onSubmit: change }, [
      h("h1", first ? "请先设置自己的密码" : "修改密码"),
      h("p", { class: "hint" }, "至少10位，不能包含账号名。修改后其他设备上的登录会退出。"),
      ...(form.old && first ? [] : input("old", "原密码", "old", "password", "current-password")),
      ...input("fresh", "新密码", "fresh", "password", "new-password"),
      ...input("again", "再次输入新密码", "again", "password", "new-password"),
      problem(),
      h(ElButton, { type: "primary", nativeType: "submit", size: "large", loading: form.busy, class: "wide" }, () => "保存"),
      h("button", { type: "button", class: "plain centre", onClick: first ? leave : () => { store.page = "talk"; } }, first ? "退出登录" : "返回"),
    ]),
  ]);
}

export async function leave() {
  await attempt(() => desk.post("/sign-out", {}));
  signedOut();
}
