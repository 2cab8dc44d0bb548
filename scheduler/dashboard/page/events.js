// A live tail of what happened.
import { h, replace, badge, empty } from "./dom.js";
import { newestEvents } from "./api.js";
import { state, sorted } from "./live.js";
import { time, words, eventKind, id } from "./format.js";

const GROUPS = {
  "": [], "All but deliveries": ["LANE_STOPPED", "LANE_RESUMED", "RATE_CUT", "RATE_RAISED", "CONNECTIONS_CUT", "CONNECTIONS_RAISED", "HOLD_STARTED", "HOLD_ENDED", "PLAN_DAY_OPENED", "PLAN_DAY_CLOSED", "PLAN_STARTED", "PLAN_PAUSED", "PLAN_RESUMED", "PLAN_GRADUATED", "PLAN_HELD", "PLAN_MOVED", "PLAN_ABORTED", "CREATED", "UPDATED", "DELETED", "CAMPAIGN_STARTED", "CAMPAIGN_PAUSED", "CAMPAIGN_RESUMED", "CAMPAIGN_CANCELLED", "LANE_PAUSED", "LANE_UNPAUSED", "SUPPRESSION_ADDED", "SUPPRESSION_REMOVED", "IMPORTED", "ALERT", "PROBED"],
  Alerts: ["ALERT"], Throttle: ["LANE_STOPPED", "LANE_RESUMED", "RATE_CUT", "RATE_RAISED", "CONNECTIONS_CUT", "CONNECTIONS_RAISED", "HOLD_STARTED", "HOLD_ENDED"],
  Plans: ["PLAN_DAY_OPENED", "PLAN_DAY_CLOSED", "PLAN_STARTED", "PLAN_PAUSED", "PLAN_RESUMED", "PLAN_GRADUATED", "PLAN_HELD", "PLAN_MOVED", "PLAN_ABORTED"],
  "Bounces and deferrals": ["BOUNCED", "DEFERRED", "EXPIRED", "IN_DOUBT"], "What people did": ["CREATED", "UPDATED", "DELETED", "CAMPAIGN_STARTED", "CAMPAIGN_PAUSED", "CAMPAIGN_RESUMED", "CAMPAIGN_CANCELLED", "LANE_PAUSED", "LANE_UNPAUSED", "SUPPRESSION_ADDED", "SUPPRESSION_REMOVED", "IMPORTED"],
};
const SHOWN = 300;

export function row(event) {
  const lane = event.egress_ip && event.provider;
  return h("li", { class: "event" }, h("time", { datetime: event.time, class: "note" }, time(event.time)), h("div", {}, badge(eventKind(event.type), words(event.type))),
    h("div", { class: "body" }, h("div", { class: "text" }, event.text || (event.address ? event.address : "")),
      h("div", { class: "about" }, [
        lane ? h("a", { href: `#/${event.egress_ip}/lanes/${id(event.provider)}` }, `${id(event.egress_ip)} → ${id(event.provider)}`) : event.egress_ip ? id(event.egress_ip) : event.provider ? id(event.provider) : null,
        event.plan ? h("a", { href: `#/${event.plan}` }, id(event.plan)) : null, event.campaign ? h("a", { href: `#/${event.campaign}` }, id(event.campaign)) : null,
        event.text && event.address ? event.address : null, event.category && event.category !== "CATEGORY_UNSPECIFIED" && event.category !== "ACCEPTED" ? words(event.category) : null, event.actor ? `by ${event.actor}` : null]
        .filter(Boolean).flatMap((part, i) => (i ? [" · ", part] : [part])))));
}

export function events(main, query) {
  const chosen = { group: query.get("group") ?? "All but deliveries", campaign: query.get("campaign") ?? "", ip: query.get("ip") ?? "", provider: query.get("provider") ?? "" };
  const items = h("ul", { class: "list", "aria-live": "off" }), note = h("p", { class: "note", role: "status" });
  const pause = h("button", { type: "button", "aria-pressed": "false" }, "Freeze");
  let source = null, frozen = false, waiting = [], round = 0;
  const option = (value, title, now) => h("option", { value, selected: value === now }, title);
  const select = (label, key, options) => h("label", {}, label, h("select", { onchange: (event) => { chosen[key] = event.target.value; load(); } }, options.map(([value, title]) => option(value, title, chosen[key]))));
  const filters = h("div", { class: "filters" });
  const names = (map) => [["", "All"], ...sorted(map).map((one) => [one.name, id(one.name)])];
  let shownFilters = "";
  function drawFilters() {
    const providers = [...new Set([...state.lanes.keys()].map(id))].sort();
    const key = JSON.stringify([[...state.campaigns.keys()], [...state.ips.keys()], providers]);
    if (key === shownFilters || filters.contains(document.activeElement)) return;
    shownFilters = key;
    replace(filters, select("What", "group", Object.keys(GROUPS).map((name) => [name, name || "Everything"])), select("Campaign", "campaign", names(state.campaigns)), select("Egress IP", "ip", names(state.ips)),
      select("Provider", "provider", [["", "All"], ...providers.map((name) => [`providers/${name}`, name])]), pause);
  }
  const add = (event) => {
    items.prepend(row(event));
    while (items.children.length > SHOWN) items.lastChild.remove();
  };
  pause.addEventListener("click", () => {
    frozen = !frozen;
    pause.textContent = frozen ? "Go on" : "Freeze";
    pause.setAttribute("aria-pressed", String(frozen));
    if (!frozen) waiting.splice(0).forEach(add);
  });
  async function load() {
    const mine = ++round;
    source?.close();
    replace(items);
    note.textContent = "Loading…";
    const filter = { "filter.campaign": chosen.campaign, "filter.egress_ip": chosen.ip, "filter.provider": chosen.provider, "filter.types": GROUPS[chosen.group] ?? [] };
    let found;
    try {
      found = await newestEvents(filter, 20000, 1000);
    } catch (error) {
      note.textContent = error.message;
      return;
    }
    if (mine !== round) return;
    found.items.slice(-SHOWN).forEach(add);
    const explain = () => {
      note.textContent = items.children.length ? `Newest first, at most ${SHOWN}; new ones appear at once.${found.whole ? "" : " Older ones: crescendo event list."}` : "";
      if (!items.children.length) replace(items, h("li", {}, empty("Nothing like that yet", "It appears here as soon as it happens. Choose another filter, or look at all of it:", "crescendo event list")));
    };
    explain();
    const query = new URLSearchParams({ after_event: `events/${found.last}` });
    for (const [name, value] of Object.entries(filter)) for (const one of [value].flat()) if (one) query.append(name, one);
    source = new EventSource(`/api/v1/events:stream?${query}`);
    source.onmessage = (event) => {
      items.querySelector(".empty")?.parentNode.remove();
      const one = JSON.parse(event.data);
      if (frozen) { waiting = [...waiting.slice(-(SHOWN - 1)), one]; pause.textContent = `Go on (${waiting.length})`; } else add(one);
      if (items.children.length === 1) explain();
    };
    source.addEventListener("failed", (event) => { note.textContent = `The tail is cut: ${JSON.parse(event.data).message}`; });
  }
  main.append(h("div", { class: "head" }, h("h1", {}, "Events")), h("section", { class: "card" }, filters), h("section", { class: "card" }, note, items));
  drawFilters();
  load();
  return { update: drawFilters, leave() { ++round; source?.close(); } };
}
