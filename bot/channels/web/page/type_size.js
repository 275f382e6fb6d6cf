// The larger-type switch (大字版), remembered on the device.

import { ref } from "/static/lib/vue/dist/vue.runtime.esm-browser.prod.js";
import { keep, kept } from "./desk.js";

export const isLarge = ref(kept("intake.large", false));

function applySize() {
  document.documentElement.dataset.type = isLarge.value ? "large" : "normal";
}

export function switchSize() {
  isLarge.value = !isLarge.value;
  keep("intake.large", isLarge.value);
  applySize();
}

applySize();
