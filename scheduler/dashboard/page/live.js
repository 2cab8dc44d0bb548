// The state that /live tells, as it changes. Pages read `state` and are told by `onChange`.
export const state = { ips: new Map(), lanes: new Map(), progress: new Map(), campaigns: new Map(), now: null, ready: false, connected: false, fault: "" };

const listeners = new Set();
export function onChange(listener) {
  listeners.add(listener);
  return () => listeners.delete(listener);
}
const tell = () => listeners.forEach((listener) => listener());

const KINDS = { ip: state.ips, lane: state.lanes, progress: state.progress, campaign: state.campaigns };

export function start() {
  const source = new EventSource("/live");
  let pending = [];
  for (const [kind, map] of Object.entries(KINDS)) {
    source.addEventListener(kind, (event) => {
      const message = JSON.parse(event.data);
      pending.push(() => map.set(message.name ?? message.plan.name, message));
    });
  }
  source.addEventListener("gone", (event) => {
    const { name } = JSON.parse(event.data);
    pending.push(() => Object.values(KINDS).forEach((map) => map.delete(name)));
  });
  source.addEventListener("open", () => {
    // All of it comes again.
    pending.push(() => Object.values(KINDS).forEach((map) => map.clear()));
  });
  source.addEventListener("now", (event) => {
    const changed = pending.length > 0 || !state.ready;
    pending.forEach((apply) => apply());
    pending = [];
    state.now = new Date(JSON.parse(event.data).time);
    const wasDown = !state.connected || state.fault;
    Object.assign(state, { ready: true, connected: true, fault: "" });
    if (changed || wasDown) tell();
    document.dispatchEvent(new CustomEvent("now"));
  });
  source.addEventListener("failed", (event) => {
    state.fault = JSON.parse(event.data).message;
    tell();
  });
  source.addEventListener("error", () => {
    state.connected = false;
    tell();
    // A browser gives up after some answers; this page does not.
    if (source.readyState === EventSource.CLOSED) setTimeout(start, 3000);
  });
  window.addEventListener("pagehide", () => source.close());
}

export const sorted = (map) => [...map.values()].sort((a, b) => ((a.name ?? a.plan.name) < (b.name ?? b.plan.name) ? -1 : 1));
export const lanesOf = (ip) => sorted(state.lanes).filter((lane) => lane.name.startsWith(`${ip}/lanes/`));
export const planOf = (ip) => [...state.progress.values()].find((progress) => progress.plan.egress_ip === ip);
