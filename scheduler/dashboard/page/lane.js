// One lane: its rate over time, what the receiver answers, and the dialogues.
import { h, replace, tile, badge, empty, card, table } from "./dom.js";
import { state } from "./live.js";
import { get, newestEvents, actions, showText } from "./api.js";
import { count, id, why, health, words, shortTime } from "./format.js";
import { chart, line, css, seriesColour } from "./chart.js";
import { row } from "./events.js";

const THROTTLE = ["LANE_STOPPED", "LANE_RESUMED", "RATE_CUT", "RATE_RAISED", "CONNECTIONS_CUT", "CONNECTIONS_RAISED"];
const perHour = (text) => { const found = /([\d,.]+) an hour/.exec(text); return found ? Number(found[1].replaceAll(",", "")) : null; };

// Points {x, y, event}: the rate that held behind each change; null: not limited by the throttle.
function ratePoints(changes) {
  const points = [];
  let rate = null;
  for (const event of changes) {
    const said = perHour(event.text);
    if (event.type === "LANE_STOPPED") { points.push({ time: event.time, rate: 0, event }); rate = said ?? rate; continue; }
    if (event.type === "LANE_RESUMED" || said !== null) { rate = said ?? rate; points.push({ time: event.time, rate, event }); continue; }
    if (event.text.includes("no cut any more") && event.type === "RATE_RAISED") { rate = null; points.push({ time: event.time, rate: null, event }); }
  }
  return points;
}

export function lane(main, name) {
  const [ip, provider] = [name.split("/lanes/")[0], id(name)];
  const head = h("div", {}), tiles = h("div", { class: "tiles" }), body = h("div", { class: "two" }), below = h("div", {});
  main.append(head, tiles, body, below);
  let gone = false, drawnChart = null, stamp = "", loading = false;

  function drawHead(one) {
    const [kind, word] = health(one);
    const paused = one.wait.reason === "LANE_PAUSED" || one.pause_reason;
    replace(head, h("div", { class: "crumb" }, h("a", { href: "#/" }, "Overview"), " / ", one.plan ? h("a", { href: `#/${one.plan}` }, id(ip)) : id(ip), " / "),
      h("div", { class: "head" }, h("h1", {}, `${id(ip)} → ${provider}`), badge(kind, word), one.pause_reason ? h("span", { class: "note" }, one.pause_reason) : null,
        actions(name, [paused ? ["resume", "Resume", "New attempts begin as soon as rate and cap allow. What the throttle stopped stays stopped."] : ["pause", "Pause", "No new attempt starts on this lane; those in flight finish."]])));
    const cap = one.provider_daily_cap ?? one.ip_daily_cap;
    const throttle = one.throttle ?? {};
    replace(tiles,
      tile("Accepted today", `${count(one.today.accepted)}${cap === undefined ? "" : ` / ${count(cap)}`}`, `${count(one.today.refused)} refused, ${count(one.today.deferred)} deferred, ${count(one.today.in_doubt)} in doubt`),
      tile("Waiting", count(one.queued), `${count(one.retrying)} for their retry; shared with the pool`),
      tile("Rate now", one.rate_per_hour ? `${count(Math.round(one.rate_per_hour))} / h` : "no limit", throttle.rate_per_hour ? `cut to ${count(Math.round(throttle.rate_per_hour))} / h by the receiver` : "not cut by the receiver"),
      tile("Connections", `${one.open_connections} / ${one.connection_limit}`, one.tls?.connections ? `${count(one.tls.connections - one.tls.clear_connections)} of ${count(one.tls.connections)} were encrypted` : ""),
      tile("Why not more", why(one.wait, state.now), one.wait.detail, true));
  }

  async function drawBody() {
    if (loading) return;
    loading = true;
    try {
      const filter = { "filter.egress_ip": ip, "filter.provider": `providers/${provider}` };
      const [changes, all] = await Promise.all([newestEvents({ ...filter, "filter.types": THROTTLE }, 100000, 1000), newestEvents({ ...filter, "filter.types": ["ACCEPTED", "DEFERRED", "BOUNCED", "IN_DOUBT", "EXPIRED"] }, 20000, 3000)]);
      if (gone) return;
      drawnChart?.destroy();
      const points = ratePoints(changes.items);
      if (points.length) {
        const now = points.at(-1);
        const last = { time: state.now?.toISOString() ?? now.time, rate: state.lanes.get(name)?.wait.reason === "THROTTLED" ? 0 : now.rate };
        const shown = [...points, last];
        drawnChart = chart("The lane's throttled rate over time", {
          data: { labels: shown.map((point) => shortTime(point.time)), datasets: [line("messages per hour", shown.map((point) => point.rate), css("--accent"), { stepped: "before", spanGaps: false, fill: { target: "origin" }, backgroundColor: `${seriesColour(0)}22`, pointRadius: 4 })] },
          options: { scales: { y: { beginAtZero: true, title: "messages per hour" } }, plugins: { legend: { display: false }, tooltip: { callbacks: { afterBody: (found) => { const text = shown[found[0].dataIndex].event?.text ?? ""; return text.match(/.{1,60}(\s|$)/g) ?? text; } } } } },
        });
      } else drawnChart = null;
      const categories = new Map();
      for (const event of all.items) categories.set(event.category === "CATEGORY_UNSPECIFIED" ? "NO_REPLY" : event.category, [...(categories.get(event.category === "CATEGORY_UNSPECIFIED" ? "NO_REPLY" : event.category) ?? []), event]);
      const byCount = [...categories].sort((a, b) => b[1].length - a[1].length);
      replace(body,
        card("Throttle", points.length ? "Every change, with the reply that caused it below; 0: stopped. A gap: not cut." : "What the receiver's answers do to the rate",
          drawnChart ?? empty("The receiver has never slowed this lane down", "A change appears here with the reply that caused it.")),
        card("Replies by category", `Of ${all.whole ? "all" : "the newest"} ${count(all.items.length)} attempts of this lane that are kept`, byCount.length
          ? table([{ title: "Category" }, { title: "Attempts", n: true }, { title: "The last one" }], byCount.map(([category, found]) => [words(category), count(found.length), h("span", { class: "reply note clamp", title: found.at(-1).text }, found.at(-1).text || "–")]), "Replies by category")
          : empty("No reply yet", "The first attempt is still to come.")));
      const talks = all.items.filter((event) => event.type !== "ACCEPTED" && event.delivery).slice(-12).reverse();
      replace(below,
        changes.items.length ? card("Changes of the throttle", `The newest ${Math.min(12, changes.items.length)} of ${count(changes.items.length)}`, h("ul", { class: "list" }, changes.items.slice(-12).reverse().map(row))) : null,
        card("Recent dialogues", "Of the newest messages that were not accepted at once; kept in memory only", talks.length
          ? table([{ title: "When" }, { title: "Recipient" }, { title: "Outcome" }, { title: "Reply" }, { title: "" }], talks.map((event) => [shortTime(event.time), event.address, badge(event.type === "DEFERRED" ? "warn" : "bad", words(event.type)), h("span", { class: "reply clamp", title: event.text }, event.text),
            h("button", { type: "button", "aria-label": `Dialogue with ${event.address}`, onclick: async () => showText(`Dialogue with ${event.address}`, await get(`${event.delivery}/transcript`).then((answer) => answer.text, (error) => error.message)) }, "Dialogue")]), "Recent dialogues")
          : empty("None to show", "Every message was accepted at the first try, or none was sent yet.", `crescendo lane trace ${id(ip)}/${provider}`)));
      below.style.display = "grid";
      below.style.gap = "18px";
    } catch (error) {
      if (!gone) replace(body, h("div", { class: "fault" }, error.message));
    } finally {
      loading = false;
    }
  }

  async function update() {
    const one = state.lanes.get(name) ?? await get(name).catch((error) => error);
    if (gone) return;
    if (one instanceof Error) { replace(head, h("h1", {}, `${id(ip)} → ${provider}`)); replace(body, h("div", { class: "fault" }, one.message)); return; }
    drawHead(one);
    // New answers: look at them again, but not for each.
    const seen = JSON.stringify([one.throttle, Math.floor((one.today.accepted + one.today.deferred + one.today.refused) / 20), one.plan_day]);
    if (seen !== stamp) { stamp = seen; drawBody(); }
  }
  return { update, leave() { gone = true; drawnChart?.destroy(); } };
}
