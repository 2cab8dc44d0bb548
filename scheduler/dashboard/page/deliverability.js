// Rates that receivers judge by, against the guardrails, and how the suppression list grows.
import { h, replace, tile, empty, card, table } from "./dom.js";
import { state, sorted } from "./live.js";
import { list } from "./api.js";
import { count, id, percent, words, dayTitle } from "./format.js";
import { chart, line, seriesColour } from "./chart.js";
import { railCharts } from "./plan.js";

const MOST = 20000;

function suppressionChart(suppressions) {
  const reasons = [...new Set(suppressions.map((one) => one.reason))].sort();
  const days = [...new Set(suppressions.map((one) => one.create_time.slice(0, 10)))].sort();
  const sets = reasons.map((reason, i) => {
    const perDay = new Map();
    for (const one of suppressions) if (one.reason === reason) perDay.set(one.create_time.slice(0, 10), (perDay.get(one.create_time.slice(0, 10)) ?? 0) + 1);
    let total = 0;
    return line(words(reason), days.map((day) => (total += perDay.get(day) ?? 0)), seriesColour(i), { fill: true, backgroundColor: `${seriesColour(i)}55` });
  });
  return chart("Addresses on the suppression list, by reason", { data: { labels: days.map(dayTitle), datasets: sets }, options: { scales: { y: { stacked: true, beginAtZero: true } } } });
}

function laneTable(lanes) {
  const rows = lanes.filter((lane) => lane.today.accepted + lane.today.refused + lane.today.deferred > 0).map((lane) => {
    const { today } = lane, asked = today.accepted + today.refused + today.deferred + today.in_doubt;
    return [h("a", { href: `#/${lane.name}` }, `${id(lane.name.split("/lanes/")[0])} → ${id(lane.name)}`), count(today.accepted), percent(today.hard_bounces, today.accepted + today.refused), percent(today.refused - today.hard_bounces, today.accepted + today.refused), percent(today.complaints, today.accepted), percent(today.deferred, asked)];
  });
  return rows.length ? table([{ title: "Lane" }, { title: "Accepted", n: true }, { title: "Hard bounces", n: true }, { title: "Other refusals", n: true }, { title: "Complaints", n: true }, { title: "Deferred", n: true }], rows, "Today by lane")
    : empty("Nothing was sent today", "Rates appear with the first replies.");
}

export function deliverability(main) {
  const tiles = h("div", { class: "tiles" }), choose = h("div", { class: "filters" }), rails = h("div", { class: "three" }), today = h("div", {}), growth = h("div", {});
  main.append(h("div", { class: "head" }, h("h1", {}, "Deliverability")), tiles, choose, rails, today, growth);
  let gone = false, chosen = "", drawn = "", charts = [];
  const keep = (holder) => charts.push(...holder.querySelectorAll(".chart"));

  async function drawRails(progress) {
    const key = `${progress.plan.name} ${progress.plan.etag} ${progress.today?.day}`;
    if (key === drawn) return;
    drawn = key;
    const found = await list(`${progress.plan.name}/history`, "history", {}, 1000).catch((error) => ({ fault: error.message }));
    if (gone) return;
    if (found.fault) return replace(rails, h("div", { class: "fault" }, found.fault));
    replace(rails, found.items.length ? railCharts(progress.plan, found.items) : card("Guardrails", null, empty("No plan day yet", "Rates are kept per plan day.")));
    keep(rails);
  }
  async function drawGrowth() {
    const found = await list("suppressions", "suppressions", {}, MOST).catch((error) => ({ fault: error.message, items: [] }));
    if (gone) return;
    replace(growth, card("Suppression list", found.more ? `The first ${count(found.items.length)} addresses by name; the list is longer.` : `${count(found.items.length)} addresses that are not sent to, by the day they were added (UTC)`,
      found.fault ? h("div", { class: "fault" }, found.fault) : found.items.length ? suppressionChart(found.items) : empty("Nobody is suppressed", "Unknown recipients come here by themselves; complaints and unsubscribes from the platform:", "crescendo suppression add ann@example.com --kind complaint")));
    keep(growth);
  }
  function update() {
    const all = sorted(state.progress), lanes = sorted(state.lanes);
    const total = (of) => lanes.reduce((sum, lane) => sum + of(lane.today), 0);
    const answered = total((day) => day.accepted + day.refused), asked = answered + total((day) => day.deferred + day.in_doubt);
    replace(tiles, tile("Hard bounces today", percent(total((day) => day.hard_bounces), answered), `${count(total((day) => day.hard_bounces))} of ${count(answered)}`),
      tile("Complaints today", percent(total((day) => day.complaints), total((day) => day.accepted)), `${count(total((day) => day.complaints))} came`),
      tile("Deferrals today", percent(total((day) => day.deferred), asked), `${count(total((day) => day.pushback))} of ${count(total((day) => day.deferred))} about us or the host`),
      tile("In doubt today", count(total((day) => day.in_doubt)), "the reply was lost behind the final dot"));
    replace(today, card("Today by lane", "Of each lane's plan day", laneTable(lanes)));
    if (!all.length) replace(rails, card("Guardrails", null, empty("No plan yet", "A plan's guardrails hold, step back or pause it when these rates rise.", "crescendo plan create warm-a --ip mta1-a --target 50000")));
    else {
      const names = all.map((one) => one.plan.name);
      if (!names.includes(chosen)) chosen = names[0];
      if (choose.dataset.names !== names.join()) {
        choose.dataset.names = names.join();
        replace(choose, h("label", {}, "Plan", h("select", { onchange: (event) => { chosen = event.target.value; update(); } }, names.map((name) => h("option", { value: name, selected: name === chosen }, id(name))))));
      }
      drawRails(state.progress.get(chosen));
    }
  }
  drawGrowth();
  return { update, leave() { gone = true; charts.forEach((one) => one.destroy?.()); } };
}
