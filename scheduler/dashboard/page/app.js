// Which page is shown, and what stands around it.
import { h, replace } from "./dom.js";
import { state, onChange, start } from "./live.js";
import { viewer, loadViewer, askToken, leave } from "./api.js";
import { time, viewerZone } from "./format.js";
import { overview } from "./overview.js";
import { plans, plan } from "./plan.js";
import { lane } from "./lane.js";
import { campaigns } from "./campaigns.js";
import { deliverability } from "./deliverability.js";
import { events } from "./events.js";

const PAGES = [["", "Overview"], ["plans", "Plans"], ["campaigns", "Campaigns"], ["deliverability", "Deliverability"], ["events", "Events"]];
const main = document.getElementById("main");
const by = (id) => document.getElementById(id);
let leavePage = () => {};

// A page draws into `main` and returns {update, leave}, both optional.
function choose(parts, query) {
  switch (parts[0]) {
    case "plans": return parts[1] ? plan(main, `plans/${parts[1]}`) : plans(main);
    case "egressIps": return lane(main, parts.join("/"));
    case "campaigns": return campaigns(main, parts[1]);
    case "deliverability": return deliverability(main);
    case "events": return events(main, query);
    default: return overview(main);
  }
}

function route(moved = true) {
  leavePage();
  const [path, query] = location.hash.replace(/^#\/?/, "").split("?");
  const parts = path.split("/").filter(Boolean).map(decodeURIComponent);
  const current = parts[0] === "egressIps" ? "" : parts[0] ?? "";
  replace(by("nav"), PAGES.map(([to, title]) => h("a", { href: `#/${to}`, "aria-current": to === current ? "page" : null }, title)));
  replace(main);
  const page = choose(parts, new URLSearchParams(query)) ?? {};
  const stop = page.update ? onChange(page.update) : () => {};
  if (page.update && state.ready) page.update();
  leavePage = () => { stop(); page.leave?.(); };
  document.title = `${main.querySelector("h1")?.textContent ?? "Crescendo"} · Crescendo`;
  if (moved) { main.focus({ preventScroll: true }); window.scrollTo(0, 0); }
}

function drawTop() {
  const live = by("live");
  const on = state.connected && !state.fault;
  live.className = `live ${on ? "on" : state.ready || state.fault ? "off" : ""}`;
  const text = on ? "Live" : state.fault ? "Store does not answer" : state.ready ? "Connection lost, trying again" : "Connecting…";
  if (live.textContent !== text) live.textContent = text;
  live.title = state.fault;
}

function drawOperator() {
  const button = by("operator");
  button.hidden = !viewer.possible;
  button.textContent = viewer.operator ? "Sign out" : "Operator sign-in";
  button.onclick = () => {
    if (viewer.operator) { leave(); drawOperator(); route(false); } else askToken(() => { drawOperator(); route(false); });
  };
}

const darkNow = () => (document.documentElement.dataset.theme ?? (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light")) === "dark";
function drawTheme() {
  by("theme").textContent = darkNow() ? "☀" : "☾";
  by("theme").setAttribute("aria-label", darkNow() ? "Light colours" : "Dark colours");
  by("theme").onclick = () => {
    document.documentElement.dataset.theme = darkNow() ? "light" : "dark";
    localStorage.setItem("theme", document.documentElement.dataset.theme);
    drawTheme();
    route(false);
  };
}
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => { drawTheme(); route(false); });

onChange(drawTop);
document.addEventListener("now", () => {
  drawTop();
  by("clock").textContent = `The daemon's clock: ${time(state.now)} (${viewerZone})`;
});
window.addEventListener("hashchange", () => route());
drawTop();
drawTheme();
start();
route(false);
loadViewer().then(() => {
  by("version").textContent = `crescendod ${viewer.version} · JSON at /api/v1/ · metrics at /metrics`;
  drawOperator();
  if (viewer.operator) route(false);
}).catch(() => {});
