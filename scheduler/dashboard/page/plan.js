// The plans, and one of them: planned beside happened, guardrails, decisions, forecast.
import { h, replace, tile, badge, bar, empty, card, table } from "./dom.js";
import { state, sorted } from "./live.js";
import { list, actions, forecastOf } from "./api.js";
import { count, id, why, planKind, stageText, dayTitle, percent, shortTime, decisionKind, words, viewerZone } from "./format.js";
import { chart, line, bars, threshold, seriesColour, css } from "./chart.js";

export function plans(main) {
  const body = h("div", {});
  main.append(h("div", { class: "head" }, h("h1", {}, "Plans")), body);
  return {
    update() {
      const all = sorted(state.progress);
      replace(body, h("section", { class: "card" }, all.length === 0
        ? empty("No plan yet", "A plan says how much an egress IP may send on each of its first days.", "crescendo plan create warm-a --ip mta1-a --target 50000\ncrescendo plan start warm-a")
        : table([{ title: "Plan" }, { title: "Egress IP" }, { title: "State" }, { title: "Stage" }, { title: "Used today", n: true }, { title: "Cap", n: true }, { title: "Done on" }, { title: "Why not more" }],
          all.map(({ plan, today, today_total, wait, projected_end_date }) => [
            h("a", { href: `#/${plan.name}` }, id(plan.name)), id(plan.egress_ip), badge(planKind(plan.state), plan.state.toLowerCase()), stageText(plan, today),
            today ? [count(today_total.used), bar([["used", today_total.used]], today.cap, "used of cap")] : "–", today ? count(today.cap) : "–", projected_end_date ? dayTitle(projected_end_date) : "–", why(wait, state.now)]), "Plans")));
    },
  };
}

const nextDay = (day) => new Date(Date.parse(`${day}T00:00:00Z`) + 86400000).toISOString().slice(0, 10);

// The caps of the days behind today, if every day counts.
function planned(plan, today, most) {
  const caps = [];
  if (!today || today.stage_index >= plan.stages.length) return caps;
  let day = today.day, step = today.day_in_stage + 1;
  for (let stage = today.stage_index; stage < plan.stages.length; ++stage, step = 0) {
    for (; step < plan.stages[stage].days && caps.length < most; ++step) {
      day = nextDay(day);
      caps.push([day, plan.stages[stage].daily_cap]);
    }
  }
  return caps;
}

// `whole`: up to the ramp's end; else so far that what happened is still to be seen.
function rampChart(progress, history, forecast, whole) {
  const days = new Map();
  const at = (day) => days.get(day) ?? days.set(day, { cap: null, lanes: {}, forecast: null }).get(day);
  for (const one of history) {
    const slot = at(one.day.day);
    slot.cap = one.day.cap;
    for (const lane of one.lanes) slot.lanes[id(lane.provider)] = lane.ledger.accepted;
  }
  for (const [day, cap] of planned(progress.plan, progress.today, whole ? 90 : Math.max(3, Math.ceil(history.length / 3)))) at(day).cap ??= cap;
  for (const day of forecast?.days ?? []) if (days.has(day.day) || (whole && days.size < 120)) at(day.day).forecast = day.accepted;
  const labels = [...days.keys()].sort();
  const providers = [...new Set(history.flatMap((one) => one.lanes.map((lane) => id(lane.provider))))].sort();
  const sets = providers.map((provider, i) => bars(provider, labels.map((day) => days.get(day).lanes[provider] ?? null), seriesColour(i), { stack: "sent", order: 3 }));
  sets.push(line("cap of the day", labels.map((day) => days.get(day).cap), css("--text"), { stepped: "middle", pointRadius: 0, order: 1, stack: "cap" }));
  if (forecast) sets.push(line("forecast", labels.map((day) => days.get(day).forecast), css("--accent"), { borderDash: [6, 5], order: 2, stack: "forecast" }));
  return chart("Accepted by provider and the cap, per plan day", {
    data: { labels: labels.map((day) => (day === progress.today?.day ? `${dayTitle(day)} · today` : dayTitle(day))), datasets: sets },
    options: { scales: { x: { stacked: true }, y: { stacked: true, beginAtZero: true, title: "messages per plan day" } } },
  });
}

const replies = (ledger) => ledger.accepted + ledger.refused + ledger.in_doubt + ledger.deferred;
const share = (part, whole) => (whole > 0 ? (100 * part) / whole : null);
export const rates = {
  "hard bounces": (ledger) => share(ledger.hard_bounces, ledger.accepted + ledger.refused),
  complaints: (ledger) => share(ledger.complaints, ledger.accepted),
  deferrals: (ledger) => share(ledger.pushback, replies(ledger)),
};
const RAILS = { "hard bounces": ["hard_bounces", 0.02, 0.05, 0.1], complaints: ["complaints", 0.001, 0.003, 0.005], deferrals: ["deferrals", 0.1, 0, 0] };

export function railCharts(plan, history) {
  const labels = history.map((one) => dayTitle(one.day.day));
  return Object.entries(rates).map(([name, rate], i) => {
    const [field, ...defaults] = RAILS[name];
    const rail = plan.guardrails?.[field] ?? { hold: defaults[0], step_back: defaults[1], pause: defaults[2] };
    const sets = [line(name, history.map((one) => rate(one.total)), seriesColour([5, 3, 1][i]))];
    const top = Math.max(0, ...history.map((one) => rate(one.total) ?? 0));
    for (const [word, value, colour] of [["hold", rail.hold, "--warn"], ["step back", rail.step_back, "--bad"], ["pause", rail.pause, "--bad"]]) {
      if (value > 0 && (word === "hold" || 100 * value < 1.6 * Math.max(top, 100 * rail.hold))) sets.push(threshold(`${word} at ${+(100 * value).toFixed(2)} %`, 100 * value, labels.length, css(colour)));
    }
    return card(name[0].toUpperCase() + name.slice(1), "% per plan day, all providers", chart(`${name} per plan day against the guardrails`, { data: { labels, datasets: sets }, options: { scales: { y: { beginAtZero: true, ticks: { callback: (value) => `${+value.toFixed(2)} %` } } } } }, true));
  });
}

export function plan(main, name) {
  const head = h("div", {}), tiles = h("div", { class: "tiles" }), body = h("div", {}), decisions = h("div", {});
  main.append(head, tiles, body, decisions);
  let history = null, forecast = null, drawn = "", charts = [], gone = false, asked = false, whole = false;

  async function load() {
    try {
      const found = await list(`${name}/history`, "history", {}, 1000);
      if (gone) return;
      history = found.items;
      update();
    } catch (error) {
      if (!gone) replace(body, h("div", { class: "fault" }, error.message));
    }
  }
  async function loadForecast() {
    const found = await forecastOf(name);
    if (gone) return;
    forecast = found;
    drawn = "";
    update();
  }

  function drawHead(progress) {
    const { plan: one, today } = progress;
    const verbs = [];
    if (["ACTIVE", "HELD"].includes(one.state)) verbs.push(["pause", "Pause", `${id(one.egress_ip)} starts nothing more until the plan is resumed. What is in flight finishes.`]);
    if (one.state === "ACTIVE") verbs.push(["hold", "Hold", "The ramp stands still: mail goes on with the same cap each day."]);
    if (["PAUSED", "HELD"].includes(one.state)) verbs.push(["resume", "Resume", "The ramp goes on from where it is. Nothing that was missed is caught up."]);
    replace(head, h("div", { class: "crumb" }, h("a", { href: "#/plans" }, "Plans"), " / "), h("div", { class: "head" }, h("h1", {}, id(name)), badge(planKind(one.state), one.state.toLowerCase()),
      h("span", { class: "note" }, `of ${id(one.egress_ip)}${one.state_reason ? ` · ${one.state_reason}` : ""}`), actions(name, verbs)));
    replace(tiles,
      tile("Today", today ? dayTitle(today.day) : "–", today ? `${stageText(one, today)} · ends ${shortTime(progress.day_end_time)}` : why(progress.wait, state.now)),
      tile("Used of the cap", today ? `${count(progress.today_total.used)} / ${count(today.cap)}` : "–", today ? `${count(progress.today_total.accepted)} accepted, ${count(progress.remaining)} left` : ""),
      tile("If the day ended now", progress.would_decide ? words(progress.would_decide.decision) : "–", progress.would_decide?.reason, true),
      tile("Ramp done on", progress.projected_end_date ? dayTitle(progress.projected_end_date) : "–", forecast?.finish?.expected_time ? `forecast: ${shortTime(forecast.finish.expected_time)}` : forecast?.fault ?? "if every day counts", true),
      tile("Why not more", why(progress.wait, state.now), progress.wait?.detail, true));
  }

  function drawBody(progress) {
    charts.forEach((one) => one.destroy?.());
    const ramp = rampChart(progress, history, forecast?.days ? forecast : null, whole);
    const rails = h("div", { class: "three" }, railCharts(progress.plan, history));
    replace(body, card("Ramp", `Accepted per plan day by provider; days are ${progress.plan.time_zone} days, times are ${viewerZone}.${forecast === null ? " The forecast is being made…" : forecast.fault ? ` No forecast: ${forecast.fault}.` : ""}`, ramp,
      h("div", { class: "legend" }, h("button", { type: "button", "aria-pressed": String(whole), onclick: () => { whole = !whole; drawn = ""; update(); } }, whole ? "The next days" : "The whole ramp"))));
    body.append(rails);
    rails.style.marginTop = "18px";
    charts = [...body.querySelectorAll(".chart")];
    const rows = [...history].reverse().map(({ day, total }) => [dayTitle(day.day), day.stage_index >= progress.plan.stages.length ? "done" : `${day.stage_index + 1}.${day.day_in_stage + 1}`, count(day.cap), count(total.accepted), percent(total.accepted, day.cap),
      badge(decisionKind(day.decision), day.decision === "OPEN" ? "today" : words(day.decision)), h("span", { class: "reply" }, day.reason || (day.decision === "OPEN" ? "not ended" : ""), day.breaches.length ? `. Breached: ${day.breaches.join(", ")}` : "")]);
    replace(decisions, card("Decisions", "One at the end of each plan day", rows.length
      ? table([{ title: "Plan day" }, { title: "Stage", n: true }, { title: "Cap", n: true }, { title: "Accepted", n: true }, { title: "Of cap", n: true }, { title: "Decision" }, { title: "Why" }], rows, "Decisions")
      : empty("No plan day yet", "The first opens when the plan is started and its start date has come.", `crescendo plan start ${id(name)}`)));
  }

  function update() {
    const progress = state.progress.get(name);
    if (!progress) {
      replace(head, h("h1", {}, id(name)));
      replace(tiles);
      replace(body, h("section", { class: "card" }, empty("There is no such plan", "It may have been deleted.", "crescendo plan list")));
      return;
    }
    drawHead(progress);
    if (!asked) { asked = true; load(); loadForecast(); }
    if (history === null) return;
    // The open day's counts are live; the others do not change.
    const open = history.at(-1);
    if (open && progress.today && open.day.day === progress.today.day) open.total = progress.today_total;
    else if (progress.today && open?.day.day !== progress.today.day && drawn !== "") { load(); }
    const key = JSON.stringify([progress.today?.day, Math.floor((progress.today_total?.used ?? 0) / Math.max(1, (progress.today?.cap ?? 0) / 40)), progress.plan.etag, forecast !== null, history.length]);
    if (key === drawn) return;
    drawn = key;
    drawBody(progress);
  }
  return { update, leave() { gone = true; charts.forEach((one) => one.destroy?.()); } };
}
