// The JSON API (/api/v1/), and what the viewer may change.
import { h, replace } from "./dom.js";

export class ApiError extends Error {}

async function ask(path, options = {}) {
  let answer;
  try {
    answer = await fetch(path, { cache: "no-store", ...options });
  } catch {
    throw new ApiError("the daemon does not answer");
  }
  const body = await answer.json().catch(() => ({ message: `HTTP ${answer.status}` }));
  if (!answer.ok) throw Object.assign(new ApiError(body.message), { status: answer.status });
  return body;
}

// parameters: {page_size: 5, "filter.types": ["ALERT"]}
export function get(path, parameters = {}) {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(parameters)) {
    for (const one of Array.isArray(value) ? value : [value]) if (one !== "" && one !== null && one !== undefined) query.append(name, one);
  }
  const text = query.toString();
  return ask(`/api/v1/${path}${text ? `?${text}` : ""}`);
}

// Up to `most` of a list: {items, more}.
export async function list(path, field, parameters = {}, most = 5000) {
  const items = [];
  let token = "";
  do {
    const page = await get(path, { page_size: 1000, ...parameters, page_token: token });
    items.push(...page[field]);
    token = page.next_page_token;
  } while (token && items.length < most);
  return { items, more: token !== "" };
}

// Forecasts cost the daemon a thread each, and it makes only some at once: one at a time, kept for a
// minute. Errors are {fault}.
const forecasts = new Map();
let lastForecast = Promise.resolve();
export function forecastOf(name) {
  const kept = forecasts.get(name);
  if (kept && Date.now() - kept.since < 60000) return kept.made;
  const made = lastForecast.then(() => get(`${name}:forecast`)).catch((error) => ({ fault: error.message }));
  lastForecast = made;
  forecasts.set(name, { since: Date.now(), made });
  return made;
}

// The newest events of a filter: among the last `window` of all. There is no list from the newest on.
export async function newestEvents(filter, window = 20000, most = 3000) {
  const { last_event, first_event } = await get("events", { page_size: 1 });
  const last = Number(last_event.split("/")[1]);
  const first = Number(first_event.split("/")[1]);
  const from = Math.max(0, first - 1, last - window);
  const found = last === 0 ? { items: [] } : await list("events", "events", { ...filter, after_event: `events/${from}` }, most);
  return { items: found.items, from, last, whole: from <= first - 1 && !found.more };
}

export const viewer = { operator: false, possible: false, version: "" };
const kept = () => JSON.parse(sessionStorage.getItem("operator") ?? "null");
const headers = (who) => ({ Authorization: `Bearer ${who.token}`, "Crescendo-Actor": who.name });

export async function loadViewer() {
  const who = kept();
  let answer;
  try {
    answer = await ask("/viewer", who ? { headers: headers(who) } : {});
  } catch (error) {
    if (error.status !== 401) throw error;
    sessionStorage.removeItem("operator");
    answer = await ask("/viewer");
  }
  Object.assign(viewer, { operator: answer.operator, possible: answer.changes_possible, version: answer.version });
}

function dialog(fill) {
  const node = document.getElementById("dialog");
  node.className = "";
  replace(node, fill(node));
  node.showModal();
  return node;
}

export function showText(title, text) {
  dialog((node) => h("form", { method: "dialog" }, h("h2", {}, title), h("pre", { class: "transcript mono", tabindex: "0" }, text),
    h("div", { class: "actions" }, h("button", { class: "main" }, "Close")))).className = "wide";
}

export function askToken(done) {
  const fault = h("div", { class: "fault", role: "alert", hidden: true });
  const name = h("input", { id: "who", required: true, maxlength: "60", autocomplete: "username", value: "" });
  const token = h("input", { id: "token", type: "password", required: true, autocomplete: "off" });
  dialog((node) => h("form", { onsubmit: async (event) => {
    event.preventDefault();
    sessionStorage.setItem("operator", JSON.stringify({ name: name.value.trim().replace(/[^\x20-\x7e]/g, "?"), token: token.value.trim() }));
    await loadViewer().catch(() => {});
    if (viewer.operator) { node.close(); done(); return; }
    sessionStorage.removeItem("operator");
    fault.textContent = "This is not the operator's token. It stands in the file that http.operator_token_file names.";
    fault.hidden = false;
  } }, h("h2", {}, "Become the operator"), h("p", { class: "note" }, "The token lets you pause, resume and hold. It is kept until this tab is closed."),
    fault, h("label", {}, "Your name, for the events", name), h("label", {}, "Token", token),
    h("div", { class: "actions" }, h("button", { type: "button", onclick: () => node.close() }, "Cancel"), h("button", { class: "main" }, "Sign in"))));
}

export function leave() {
  sessionStorage.removeItem("operator");
  viewer.operator = false;
}

// A change, after a confirmation with its reason. `what`: "Pause plan warm-a".
export function change(what, note, path, done) {
  const fault = h("div", { class: "fault", role: "alert", hidden: true });
  const text = h("textarea", { id: "reason", rows: "2", required: true, maxlength: "1000", placeholder: "complaints are up" });
  dialog((node) => h("form", { onsubmit: async (event) => {
    event.preventDefault();
    try {
      await ask(`/api/v1/${path}`, { method: "POST", headers: { ...headers(kept()), "Content-Type": "application/json" }, body: JSON.stringify({ reason: text.value }) });
      node.close();
      done?.();
    } catch (error) {
      fault.textContent = error.message;
      fault.hidden = false;
    }
  } }, h("h2", {}, `${what}?`), h("p", { class: "note" }, note), fault, h("label", {}, "Why (it is kept with your name)", text),
    h("div", { class: "actions" }, h("button", { type: "button", onclick: () => node.close() }, "Cancel"), h("button", { class: "main" }, what.split(" ")[0]))));
}

// Buttons of an operator; nothing for others. verbs: [verb, title, what it does].
export function actions(name, verbs, done) {
  if (!viewer.operator) return null;
  return h("div", { class: "actions" }, verbs.map(([verb, title, note]) =>
    h("button", { type: "button", onclick: () => change(`${title} ${name.split("/").slice(1).join("/")}`, note, `${name}:${verb}`, done) }, title)));
}
