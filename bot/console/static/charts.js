// Charts (图表): ECharts in a box that follows its size; loaded when the first chart is shown.

import { defineComponent, h, onBeforeUnmount, onMounted, ref, watch } from "vue";

let library = null;
const echarts = () => (library ??= import("echarts"));

export const chart = defineComponent({
  props: { option: { type: Object, required: true }, label: { type: String, required: true }, height: { type: Number, default: 260 } },
  emits: ["pick"],
  setup(props, { emit }) {
    const box = ref(null);
    let drawn = null;
    let gone = false;
    const size = new ResizeObserver(() => drawn?.resize());
    onMounted(async () => {
      const { init } = await echarts();
      if (gone) return;
      drawn = init(box.value, null, { renderer: "svg" });
      drawn.setOption(props.option);
      drawn.on("click", (what) => emit("pick", what.dataIndex));
      size.observe(box.value);
    });
    watch(() => props.option, (option) => drawn?.setOption(option, { notMerge: true }));
    onBeforeUnmount(() => {
      gone = true;
      size.disconnect();
      drawn?.dispose();
    });
    return () => h("div", { ref: box, class: "chart", role: "img", "aria-label": props.label, style: { height: `${props.height}px` } });
  },
});

const BLUE = "#0a59b5";
const INK = "#51606f";
const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
const common = () => ({ animation: !still, textStyle: { fontFamily: "inherit", color: INK }, tooltip: { trigger: "item", confine: true } });
const short = (text) => (text.length > 10 ? `${text.slice(0, 9)}…` : text);

// Bars with the 95 % interval as a whisker on each.
export function bars(rows, { format, share }) {
  const whisker = (params, api) => {
    const [x, low, high] = [api.value(0), api.value(1), api.value(2)];
    if (Number.isNaN(low) || Number.isNaN(high)) return null;
    const [a, b] = [api.coord([low, x]), api.coord([high, x])];
    const line = (x1, y1, x2, y2) => ({ type: "line", shape: { x1, y1, x2, y2 }, style: { stroke: "#1b2733", lineWidth: 1.5 } });
    return { type: "group", children: [line(a[0], a[1], b[0], b[1]), line(a[0], a[1] - 4, a[0], a[1] + 4), line(b[0], b[1] - 4, b[0], b[1] + 4)] };
  };
  return {
    ...common(), grid: { left: 8, right: 60, top: 8, bottom: 8, containLabel: true },
    xAxis: { type: "value", max: share ? 1 : undefined, axisLabel: { formatter: format, color: INK }, splitLine: { lineStyle: { color: "#dfe5ec" } } },
    yAxis: { type: "category", inverse: true, data: rows.map((r) => short(r.title)), axisTick: { show: false }, axisLabel: { color: INK } },
    series: [
      { type: "bar", barMaxWidth: 20, itemStyle: { color: BLUE, borderRadius: [0, 3, 3, 0] }, data: rows.map((r) => r.value), tooltip: { formatter: (p) => `${rows[p.dataIndex].title}<br>${format(p.value)}（${rows[p.dataIndex].numerator}/${rows[p.dataIndex].denominator}）` }, label: { show: !share, position: "right", formatter: (p) => format(p.value), color: INK } },
      { type: "custom", silent: true, z: 5, renderItem: whisker, encode: { x: [1, 2], y: 0 }, data: rows.map((r, n) => [n, r.low ?? NaN, r.high ?? NaN]) },
    ],
  };
}

export function trend(days, { format }) {
  return {
    ...common(), tooltip: { trigger: "axis", confine: true, formatter: ([p]) => `${p.name}<br>${format(p.value)}（${days[p.dataIndex].numerator}/${days[p.dataIndex].denominator}）` },
    grid: { left: 8, right: 20, top: 16, bottom: 8, containLabel: true },
    xAxis: { type: "category", data: days.map((d) => d.day.slice(5)), axisLabel: { color: INK } },
    yAxis: { type: "value", min: 0, max: 1, axisLabel: { formatter: format, color: INK }, splitLine: { lineStyle: { color: "#dfe5ec" } } },
    series: [{ type: "line", data: days.map((d) => d.value), symbolSize: 7, lineStyle: { color: BLUE, width: 2 }, itemStyle: { color: BLUE }, areaStyle: { color: "#0a59b514" } }],
  };
}
