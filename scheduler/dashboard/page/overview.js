// All egress IPs and what each does at each provider.
import { h, replace, tile, badge, bar, empty, card } from "./dom.js";
import { state, sorted, lanesOf, planOf } from "./live.js";
import { count, id, why, health, percent, planKind, stageText } from "./format.js";

const sum = (lanes, of) => lanes.reduce((total, lane) => total + of(lane), 0);

function tiles(lanes) {
  const accepted = sum(lanes, (lane) => lane.today.accepted), refused = sum(lanes, (lane) => lane.today.refused);
  const deferred = sum(lanes, (lane) => lane.today.deferred);
  const capped = sorted(state.progress).filter((progress) => progress.today);
  const cap = capped.reduce((total, progress) => total + progress.today.cap, 0);
  const used = capped.reduce((total, progress) => total + progress.today_total.used, 0);
  const waiting = sorted(state.campaigns).reduce((total, campaign) => total + campaign.counts.queued + campaign.counts.deferred, 0);
  const sick = lanes.filter((lane) => ["bad", "warn"].includes(health(lane)[0]));
  const worst = sick.find((lane) => health(lane)[0] === "bad") ?? sick[0];
  return [
    tile("Accepted today", count(accepted), `${count(refused)} refused, ${count(deferred)} deferred`),
    tile("Of today's caps", cap ? percent(used, cap) : "–", cap ? `${count(used)} of ${count(cap)}, IPs with a plan` : "no plan has a day open"),
    tile("Waiting", count(waiting), "recipients of all campaigns"),
    tile("Lanes to look at", count(sick.length), worst ? `${id(worst.name.split("/lanes/")[0])} → ${id(worst.name)}: ${health(worst)[1]}` : "none: all is well"),
  ];
}

function rowHead(ip) {
  const progress = planOf(ip.name);
  if (!progress) return [h("b", {}, id(ip.name)), h("div", { class: "note" }, `${ip.address}, no plan`)];
  const { plan, today } = progress;
  const used = progress.today_total?.used ?? 0;
  return [
    h("a", { href: `#/${plan.name}` }, h("b", {}, id(ip.name))), " ", badge(planKind(plan.state), plan.state.toLowerCase()),
    h("div", { class: "note" }, stageText(plan, today)),
    today ? bar([["used", used]], today.cap, `${used} of ${today.cap} used`) : null,
    h("div", { class: "note" }, today ? `${count(used)} of ${count(today.cap)} used · ` : "", why(progress.wait, state.now)),
  ];
}

function cell(lane) {
  const [kind, word] = health(lane);
  const cap = lane.provider_daily_cap ?? lane.ip_daily_cap;
  return h("a", { class: `cell ${kind}`, href: `#/${lane.name}` },
    h("span", { class: "provider" }, id(lane.name)),
    h("b", {}, count(lane.today.accepted)), h("span", { class: "note" }, cap === undefined ? "" : ` / ${count(cap)}`), " ", badge(kind, word),
    h("span", { class: "why" }, `${why(lane.wait, state.now)}${lane.queued ? ` · ${count(lane.queued)} wait` : ""}`));
}

function grid(ips, lanes) {
  const volume = (provider) => sum(lanes.filter((lane) => id(lane.name) === provider), (lane) => lane.queued + lane.today.accepted);
  const providers = [...new Set(lanes.map((lane) => id(lane.name)))].sort((a, b) => volume(b) - volume(a) || (a < b ? -1 : 1));
  return h("div", { class: "scroll" }, h("table", { class: "grid" }, h("caption", { class: "sr" }, "Egress IPs and providers"),
    h("thead", {}, h("tr", {}, h("th", { scope: "col", class: "row" }, "Egress IP"), providers.map((provider) => h("th", { scope: "col" }, provider)))),
    h("tbody", {}, ips.map((ip) => {
      const own = new Map(lanesOf(ip.name).map((lane) => [id(lane.name), lane]));
      return h("tr", {}, h("th", { scope: "row", class: "row" }, rowHead(ip)),
        providers.map((provider) => own.has(provider) ? h("td", {}, cell(own.get(provider))) : h("td", { class: "none" })));
    }))));
}

export function overview(main) {
  const top = h("div", { class: "tiles" }), body = h("div", {});
  main.append(h("div", { class: "head" }, h("h1", {}, "Overview"), h("span", { class: "note", id: "loading" }, "")), top, body);
  return {
    update() {
      const ips = sorted(state.ips), lanes = sorted(state.lanes);
      if (ips.length === 0) {
        replace(top);
        replace(body, h("section", { class: "card" }, empty("No egress IP yet", "Register the first address that mail leaves from, put it in a pool, and give it a plan.",
          "crescendo ip create mta1-a --address 192.0.2.10 --ehlo-name mta1-a.shop.example\ncrescendo pool create cold --ip mta1-a\ncrescendo plan create warm-a --ip mta1-a --target 50000\ncrescendo plan start warm-a")));
        return;
      }
      replace(top, tiles(lanes));
      const focused = document.activeElement?.getAttribute?.("href");
      replace(body, card("Egress IPs × providers", "Accepted of the plan day's cap, how the lane fares, and what it waits for. A lane without a cap of its own shares the IP's.",
        lanes.length ? grid(ips, lanes) : [grid(ips, []), empty("Nothing to send yet", "Import recipients into a campaign and start it.",
          "crescendo campaign import spring recipients.csv\ncrescendo campaign start spring")]));
      // Who walks by keyboard stays where he is.
      if (focused) [...body.querySelectorAll("a")].find((link) => link.getAttribute("href") === focused)?.focus({ preventScroll: true });
    },
  };
}
