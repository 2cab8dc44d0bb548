// Numbers, times and the API's words, for people.

export const count = (value) => Number(value ?? 0).toLocaleString();
export const id = (name) => (name ?? "").split("/").pop();
export const percent = (part, whole) => (whole > 0 ? `${((100 * part) / whole).toFixed(part * 1000 >= whole && part * 10 < whole ? 1 : part === 0 ? 0 : 1)} %` : "–");

const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
export const viewerZone = zone;

export function time(text, options = { day: "numeric", month: "short", hour: "2-digit", minute: "2-digit", second: "2-digit" }) {
  return text ? new Date(text).toLocaleString(undefined, options) : "–";
}
export const shortTime = (text) => time(text, { day: "numeric", month: "short", hour: "2-digit", minute: "2-digit" });
export const dayTitle = (day) => new Date(`${day}T12:00:00Z`).toLocaleDateString(undefined, { day: "numeric", month: "short", timeZone: "UTC" });

// "in 5 min", by the daemon's clock.
export function until(text, now) {
  if (!text || !now) return "";
  let seconds = Math.round((new Date(text) - now) / 1000);
  if (seconds <= 1) return "now";
  const parts = [];
  for (const [unit, size] of [["d", 86400], ["h", 3600], ["min", 60], ["s", 1]]) {
    if (seconds >= size && parts.length < 2) {
      parts.push(`${Math.floor(seconds / size)} ${unit}`);
      seconds %= size;
    }
  }
  return `in ${parts.join(" ")}`;
}

const WAITS = {
  NONE: "sending", NO_RECIPIENTS: "no recipients", IP_DAILY_CAP: "the IP's cap of today is used up",
  PROVIDER_DAILY_CAP: "the provider's cap of today is used up", IP_PACING: "spread over the day",
  PROVIDER_SHARE: "its share of the IP's day is used up", LANE_RATE: "rate", PROVIDER_RATE: "rate of all IPs there",
  THROTTLED: "throttled by the receiver", BLOCKED: "blocked by the receiver: look at it", LANE_PAUSED: "lane paused",
  PLAN_NOT_STARTED: "plan not started", PLAN_PAUSED: "plan paused", PLAN_ABORTED: "plan aborted",
  BEFORE_START_DATE: "before the start date", OUTSIDE_WINDOW: "outside the sending window", RESERVED_FOR_WARMING: "kept for the pool's warming IPs",
  NOT_ENGAGED_ENOUGH: "who is left was not engaged lately enough", CAMPAIGN_SHARE: "other campaigns have their turn",
  CONNECTING: "connecting",
  CONNECTION_LIMIT: "connection limit", HOST_BACKOFF: "all its hosts failed", RETRY_TIME: "recipients wait for their retry",
  SENDING_DOMAIN_HELD: "sending domain held", CAMPAIGN_HELD: "campaign held", CAMPAIGN_PAUSED: "campaign paused",
  NO_ROUTE: "MX hosts not known", STORE_UNAVAILABLE: "the daemon's disk is full", DRAINING: "the daemon is shutting down",
  IN_FLIGHT: "waits for replies", NOT_IN_POOL: "the IP is in no pool", LOADING: "the queue is being loaded",
  ROLLING_DAY: "the cap is used up in the last 24 hours", BETTER_RANKED: "better-ranked recipients go first",
};
// A reason that this page does not know yet is still said.
export const words = (code) => (code ?? "").toLowerCase().replaceAll("_", " ");
export const reason = (wait) => WAITS[wait?.reason] ?? words(wait?.reason);

const PACED = new Set(["IP_PACING", "LANE_RATE", "PROVIDER_RATE"]);
export function why(wait, now) {
  if (!wait) return "";
  const left = until(wait.until_time, now);
  // A wait that is ending needs no word.
  const end = left && left !== "now" ? `${PACED.has(wait.reason) ? "next" : "ends"} ${left}` : "";
  return [reason(wait), end].filter(Boolean).join(", ");
}

// How a lane fares: [kind, word]. Never told by colour alone.
export function health(lane) {
  const wait = lane.wait?.reason;
  const asked = lane.today.accepted + lane.today.refused + lane.today.deferred + lane.today.in_doubt;
  if (wait === "BLOCKED") return ["bad", "blocked"];
  if (wait === "THROTTLED") return ["bad", "throttled"];
  if (lane.state === "HELD") return ["bad", "held"];
  if (asked >= 20 && lane.today.hard_bounces > 0.05 * (lane.today.accepted + lane.today.refused)) return ["bad", "bounces"];
  if (lane.state === "PAUSED") return ["warn", "paused"];
  if (["HOST_BACKOFF", "STORE_UNAVAILABLE", "SENDING_DOMAIN_HELD", "CAMPAIGN_HELD", "NO_ROUTE"].includes(wait)) return ["warn", "stuck"];
  if (asked >= 20 && lane.today.pushback > 0.1 * asked) return ["warn", "deferrals"];
  if (wait === "CAMPAIGN_PAUSED") return ["idle", "waits"];
  if (lane.state === "NOT_STARTED") return ["idle", "not started"];
  if (wait === "NO_RECIPIENTS") return lane.today.accepted > 0 ? ["good", "done for now"] : ["idle", "idle"];
  return ["good", lane.state === "STEADY" ? "steady" : "warming"];
}

const PLAN_KINDS = { ACTIVE: "good", GRADUATED: "good", HELD: "warn", PAUSED: "bad", ABORTED: "bad", DRAFT: "idle" };
export const planKind = (state) => PLAN_KINDS[state] ?? "idle";
const CAMPAIGN_KINDS = { SENDING: "good", PAUSED: "warn", CANCELLED: "bad", DRAFT: "idle" };
export const campaignKind = (state) => CAMPAIGN_KINDS[state] ?? "idle";
const DECISIONS = { ADVANCE: "good", GRADUATE: "good", REPEAT: "idle", OPEN: "idle", HOLD: "warn", STEP_BACK: "bad", PAUSE: "bad" };
export const decisionKind = (decision) => DECISIONS[decision] ?? "idle";

const BAD_EVENTS = new Set(["BOUNCED", "EXPIRED", "LANE_STOPPED", "PLAN_PAUSED", "PLAN_ABORTED", "ALERT", "HOLD_STARTED", "CAMPAIGN_CANCELLED"]);
const WARN_EVENTS = new Set(["DEFERRED", "IN_DOUBT", "RATE_CUT", "CONNECTIONS_CUT", "PLAN_HELD", "CAMPAIGN_PAUSED", "LANE_PAUSED", "SUPPRESSED", "SUPPRESSION_ADDED"]);
const GOOD_EVENTS = new Set(["ACCEPTED", "LANE_RESUMED", "RATE_RAISED", "CONNECTIONS_RAISED", "HOLD_ENDED", "PLAN_STARTED", "PLAN_RESUMED", "PLAN_GRADUATED", "CAMPAIGN_STARTED", "CAMPAIGN_RESUMED", "LANE_UNPAUSED"]);
export const eventKind = (type) => (BAD_EVENTS.has(type) ? "bad" : WARN_EVENTS.has(type) ? "warn" : GOOD_EVENTS.has(type) ? "good" : "idle");

// Of PlanDay.stage_index.
export const stageText = (plan, day) => (day ? (day.stage_index >= plan.stages.length ? "ramp done" : `stage ${day.stage_index + 1} of ${plan.stages.length}, step ${day.day_in_stage + 1}`) : "not begun");
