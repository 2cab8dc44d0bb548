// Chart.js in the page's colours. Numbers stand also in a table beside each chart, for those who do
// not see it.
import { h } from "./dom.js";

const css = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

// Distinct for people who do not tell red from green, in both themes (after Okabe and Ito).
const SERIES = ["#4f6bed", "#e69f00", "#1aa179", "#d55e9c", "#56b4e9", "#c8553d", "#8e7cc3", "#9aa53b", "#7f8c9b"];
export const seriesColour = (index) => SERIES[index % SERIES.length];

export function chart(label, config, low = false) {
  const canvas = h("canvas", { role: "img", "aria-label": label });
  const holder = h("div", { class: low ? "chart low" : "chart" }, canvas);
  const grid = css("--line"), text = css("--faint");
  const scales = config.options?.scales ?? {};
  for (const axis of ["x", "y"]) {
    const own = scales[axis] ?? {};
    scales[axis] = { ...own, grid: { color: axis === "x" ? "transparent" : grid, borderColor: grid }, ticks: { color: text, maxRotation: 0, autoSkipPadding: 14, ...own.ticks },
      title: own.title ? { display: true, color: text, text: own.title } : undefined };
  }
  const built = new window.Chart(canvas, {
    ...config,
    options: {
      responsive: true, maintainAspectRatio: false, animation: false, interaction: { mode: "index", intersect: false }, ...config.options, scales,
      plugins: {
        legend: { position: "bottom", labels: { color: text, usePointStyle: true, boxWidth: 8, boxHeight: 8, padding: 14, filter: (item) => !item.text.startsWith("_") } },
        tooltip: { filter: (item) => !(item.dataset.label ?? "").startsWith("_") && item.raw !== null },
        ...config.options?.plugins,
      },
    },
  });
  holder.destroy = () => built.destroy();
  return holder;
}

export const line = (label, data, colour, more = {}) => ({ type: "line", label, data, borderColor: colour, backgroundColor: colour, borderWidth: 2, pointRadius: data.length > 40 ? 0 : 2.5, tension: 0, spanGaps: true, ...more });
export const threshold = (label, value, length, colour) => line(label, Array(length).fill(value), colour, { borderDash: [3, 4], borderWidth: 1.3, pointRadius: 0 });
export const bars = (label, data, colour, more = {}) => ({ type: "bar", label, data, backgroundColor: colour, borderRadius: 3, maxBarThickness: 46, ...more });
export { css };
