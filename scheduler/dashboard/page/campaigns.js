// How far each campaign is, when it ends, and what became of its recipients.
import { h, replace, badge, bar, empty, card, table } from "./dom.js";
import { state, sorted } from "./live.js";
import { forecastOf, newestEvents, actions } from "./api.js";
import { count, id, percent, campaignKind, reason, shortTime, words } from "./format.js";

const PARTS = [["accepted", "accepted"], ["bounced", "bounced"], ["deferred", "deferred, tried again"], ["other", "expired, suppressed, cancelled, in doubt"], ["waiting", "waiting"]];
const parts = (counts) => [["accepted", counts.accepted], ["bounced", counts.bounced], ["deferred", counts.deferred], ["other", counts.expired + counts.suppressed + counts.cancelled + counts.in_doubt], ["waiting", counts.queued + counts.claimed]];

// Of forecast.finish: the three are one thought.
export function finish(forecast) {
  if (!forecast) return "";
  if (forecast.fault) return `No forecast: ${forecast.fault}`;
  const { earliest_time, expected_time, latest_time } = forecast.finish ?? {};
  if (!expected_time) return forecast.recipients === 0 ? "Nothing waits" : `Not done within ${shortTime(forecast.horizon_time)}: ${count(forecast.left)} would still wait`;
  return `Done ${shortTime(expected_time)}${earliest_time && latest_time ? ` (${shortTime(earliest_time)} to ${shortTime(latest_time)})` : ""}`;
}

export function campaigns(main, chosen) {
  const title = chosen ?? "Campaigns";
  const body = h("div", {}), bounces = h("div", {});
  main.append(chosen ? h("div", { class: "crumb" }, h("a", { href: "#/campaigns" }, "Campaigns"), " / ") : "", h("div", { class: "head" }, h("h1", {}, title)), body, bounces);
  const forecasts = new Map();
  let gone = false, asking = false, bouncesAt = -1;

  // One at a time, each once: they cost the daemon a thread.
  async function ask() {
    if (asking) return;
    asking = true;
    for (const one of shown().slice(0, 8)) {
      if (gone) return;
      if (forecasts.has(one.name) || one.state === "CANCELLED" || one.counts.total === 0) continue;
      forecasts.set(one.name, null);
      forecasts.set(one.name, await forecastOf(one.name));
      if (!gone) update();
    }
    asking = false;
  }
  const shown = () => sorted(state.campaigns).filter((one) => !chosen || id(one.name) === chosen);

  function drawOne(one) {
    const { counts } = one;
    const done = counts.total - counts.queued - counts.claimed - counts.deferred - counts.in_doubt;
    const forecast = forecasts.get(one.name);
    const verbs = one.state === "SENDING" ? [["pause", "Pause", "Nothing more of it starts; what is in flight finishes."]] : one.state === "PAUSED" ? [["resume", "Resume", "It goes on where it stopped."]] : [];
    return h("article", { class: "campaign" }, h("div", { class: "head" }, h("h2", {}, h("a", { href: `#/${one.name}` }, id(one.name))), badge(campaignKind(one.state), one.state.toLowerCase()),
      h("span", { class: "note" }, `${one.subject} · ${id(one.pool)}${one.state_reason ? ` · ${one.state_reason}` : ""}`), actions(one.name, verbs)),
    counts.total === 0 ? empty("No recipients yet", "Import a list; recipients can be added while it sends.", `crescendo campaign import ${id(one.name)} recipients.csv`) : [
      bar(parts(counts), counts.total, `${percent(done, counts.total)} done`, true),
      h("div", { class: "legend" }, PARTS.map(([kind, text], i) => h("span", { class: kind }, `${count(parts(counts)[i][1])} ${text}`))),
      h("p", { class: "note" }, h("b", {}, `${percent(done, counts.total)} of ${count(counts.total)} have an outcome. `), forecast === null || (forecast === undefined && one.state !== "CANCELLED") ? "The forecast is being made…" : finish(forecast),
        forecast?.limits?.length ? `. Most of the waiting: ${reason(forecast.limits[0])} at ${forecast.limits[0].where.replace("egressIps/", "").replace("/lanes/", " → ")}` : "")]);
  }

  async function drawBounces(total) {
    if (total === bouncesAt) return;
    bouncesAt = total;
    const found = await newestEvents({ "filter.types": ["BOUNCED", "EXPIRED"], "filter.campaign": chosen ? `campaigns/${chosen}` : "" }, 50000, 3000).catch((error) => ({ fault: error.message, items: [] }));
    if (gone) return;
    const groups = new Map();
    for (const event of found.items) {
      const key = event.type === "EXPIRED" ? "EXPIRED" : event.category;
      const group = groups.get(key) ?? groups.set(key, { events: 0, providers: new Map(), last: null }).get(key);
      ++group.events;
      group.providers.set(id(event.provider), (group.providers.get(id(event.provider)) ?? 0) + 1);
      group.last = event;
    }
    const rows = [...groups].sort((a, b) => b[1].events - a[1].events).map(([category, group]) => [words(category), count(group.events), [...group.providers].sort((a, b) => b[1] - a[1]).slice(0, 4).map(([name, n]) => `${name || "?"} ${n}`).join(", "), h("span", { class: "reply note clamp", title: group.last.text }, group.last.text || "–")]);
    replace(bounces, card("Bounces by reason", `Of ${found.whole ? "all" : "the newest"} ${count(found.items.length)} that are kept as events`, found.fault ? h("div", { class: "fault" }, found.fault)
      : rows.length ? table([{ title: "Reason" }, { title: "Recipients", n: true }, { title: "Where most" }, { title: "The last reply" }], rows, "Bounces by reason") : empty("No bounce", "Everything that was answered for good was accepted.")));
  }

  function update() {
    const all = shown();
    replace(body, h("section", { class: "card" }, all.length ? all.map(drawOne)
      : empty(chosen ? "There is no such campaign" : "No campaign yet", "A campaign is one message to many recipients.", "crescendo campaign create spring --pool cold --from 'Shop <news@shop.example>' --subject 'Spring' --text body.txt\ncrescendo campaign import spring recipients.csv\ncrescendo campaign start spring")));
    ask();
    if (all.length) drawBounces(all.reduce((total, one) => total + one.counts.bounced + one.counts.expired, 0));
  }
  return { update, leave() { gone = true; } };
}
