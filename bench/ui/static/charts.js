// Charts of a bench. Each element with data-spend names the address of its numbers; the page has them as text, too.
"use strict";

(() => {
  const style = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  // The page's times are UTC, and so are those of its charts.
  const times = (_, ticks) => ticks.map((tick, index) => {
    const [day, time] = new Date(tick * 1000).toISOString().split("T");
    const isNew = index === 0 || new Date(ticks[index - 1] * 1000).toISOString().split("T")[0] !== day;
    const shown = time.slice(0, time.slice(6, 8) === "00" ? 5 : 8);
    return isNew ? shown + "\n" + day : shown;
  });
  const dollars = (value) => (value === null ? "" : "$" + value.toFixed(2));

  async function draw(element) {
    const response = await fetch(element.dataset.spend);
    if (!response.ok) return;
    const data = await response.json();
    element.replaceChildren();
    if (data[0].length < 2) return;
    const axis = { stroke: style("--quiet"), grid: { stroke: style("--line"), width: 1 } };
    new uPlot({
      width: Math.min(element.clientWidth, 900),
      height: 180,
      legend: { show: false },
      cursor: { show: false },
      series: [
        {},
        { label: "spent", stroke: style("--link"), width: 2, points: { show: false } },
        { label: "cap", stroke: style("--bad"), width: 1, dash: [6, 4], points: { show: false } },
      ],
      tzDate: (seconds) => uPlot.tzDate(new Date(seconds * 1000), "Etc/UTC"),
      axes: [{ ...axis, values: times, size: 56, space: 90 }, { ...axis, size: 72, values: (_, ticks) => ticks.map(dollars) }],
    }, data, element);
  }

  const drawAll = () => document.querySelectorAll("[data-spend]").forEach(draw);
  document.addEventListener("DOMContentLoaded", drawAll);
  document.addEventListener("htmx:afterSettle", drawAll);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", drawAll);
})();
