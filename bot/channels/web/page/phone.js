// Proving a phone (绑定手机): number, then the code from the SMS; tickets of other channels follow.

import { Teleport, h, nextTick, reactive, ref } from "/static/lib/vue/dist/vue.runtime.esm-browser.prod.js";
import { askPhoneCode, provePhone } from "./conversation.js";

const STEPS = {
  number: { label: "手机号", go: "获取验证码", type: "tel", autocomplete: "tel", most: 20 },
  code: { label: "短信验证码", go: "完成绑定", type: "text", autocomplete: "one-time-code", most: 10 },
};

export const PhoneLink = {
  setup() {
    const box = ref(null);
    const state = reactive({ step: "number", value: "", busy: false, wrong: "", sentTo: "" });

    function enter(step) {
      Object.assign(state, { step, value: "", wrong: "" });
      nextTick(() => document.getElementById("phone-field")?.focus());
    }
    const close = () => box.value.close();
    const open = () => {
      enter("number");
      box.value.showModal();
    };
    async function submit(event) {
      event.preventDefault();
      if (state.busy || !state.value.trim()) return;
      state.busy = true;
      state.wrong = "";
      try {
        if (state.step === "code") {
          await provePhone(state.value.trim());
          close();
        } else {
          state.sentTo = (await askPhoneCode(state.value.trim())).phone;
          enter("code");
        }
      } catch (error) {
        state.wrong = error.message || "暂时无法办理，请稍后重试";
      }
      state.busy = false;
    }

    function field({ label, type, autocomplete, most }) {
      return h("label", { for: "phone-field" }, [
        label,
        h("input", {
          id: "phone-field", type, autocomplete, inputmode: "numeric", maxlength: most,
          value: state.value, "aria-invalid": state.wrong ? "true" : undefined,
          onInput: (event) => (state.value = event.target.value),
        }),
      ]);
    }

    return () => {
      const step = STEPS[state.step];
      const told =
        state.step === "code"
          ? `验证码已发送至 ${state.sentTo}，工作人员不会向您索要。`
          : "绑定后，您在其他渠道的工单也可以在这里查询和办理。";
      return [
        h("button", { type: "button", class: "link-phone", onClick: open }, "绑定手机"),
        // The composer is a form: forms do not stand in forms.
        h(Teleport, { to: "body" }, [
          h("dialog", { ref: box, class: "phone", "aria-labelledby": "phone-title" }, [
            h("form", { onSubmit: submit }, [
              h("h2", { id: "phone-title" }, "绑定手机"),
              h("p", told),
              field(step),
              h("p", { class: "bad", role: "alert" }, state.wrong),
              h("p", { class: "steps" }, [
                h("button", { type: "button", onClick: close }, "取消"),
                h("button", { class: "go", disabled: state.busy }, step.go),
              ]),
            ]),
          ]),
        ]),
      ];
    };
  },
};
