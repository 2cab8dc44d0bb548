-- 0001_first.sql. Records, deliveries with their claims, the ledger, suppressions and events.
--
-- *_us    UTC microseconds; NULL: not set. Durations are microseconds too.
-- day     days since 1970-01-01.
-- label   key of labels.text; NULL or 0: "".
-- Numbers of enums are listed where they are stored; new ones are appended, none is ever reused.
-- Hot tables (deliveries, claims, events) carry no foreign keys: an import of millions would look
-- each one up. The contract suite recounts them instead.

CREATE TABLE migrations (
  number INTEGER PRIMARY KEY,
  name TEXT NOT NULL,
  sha256 TEXT NOT NULL  -- Of the file as it was applied: an edited one is refused.
) STRICT;

CREATE TABLE egress_ips (
  id TEXT PRIMARY KEY,
  address TEXT NOT NULL,
  ehlo_name TEXT NOT NULL,
  create_time_us INTEGER,
  revision INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE pools (
  id TEXT PRIMARY KEY,
  create_time_us INTEGER,
  revision INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE pool_members (
  egress_ip TEXT PRIMARY KEY REFERENCES egress_ips (id),  -- In one pool at most.
  pool TEXT NOT NULL REFERENCES pools (id),
  position INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE plans (
  id TEXT PRIMARY KEY,
  egress_ip TEXT NOT NULL UNIQUE REFERENCES egress_ips (id),  -- One plan at most.
  time_zone TEXT NOT NULL,
  window_start_us INTEGER NOT NULL,  -- Since local midnight.
  window_end_us INTEGER NOT NULL,
  start_day INTEGER NOT NULL,
  advance_rule INTEGER NOT NULL,  -- 0 delivered, 1 calendar.
  state INTEGER NOT NULL,         -- 0 draft, 1 active, 2 paused, 3 graduated.
  state_reason TEXT NOT NULL,
  create_time_us INTEGER,
  revision INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE plan_stages (
  plan TEXT NOT NULL REFERENCES plans (id),
  position INTEGER NOT NULL,
  days INTEGER NOT NULL,
  daily_cap INTEGER NOT NULL,
  PRIMARY KEY (plan, position)
) STRICT, WITHOUT ROWID;

CREATE TABLE plan_provider_caps (
  plan TEXT NOT NULL REFERENCES plans (id),
  position INTEGER NOT NULL,
  provider TEXT NOT NULL,
  daily_cap INTEGER NOT NULL,
  PRIMARY KEY (plan, position)
) STRICT, WITHOUT ROWID;

CREATE TABLE plan_days (
  plan TEXT NOT NULL REFERENCES plans (id),
  day INTEGER NOT NULL,
  egress_ip TEXT NOT NULL,
  stage INTEGER NOT NULL,
  day_in_stage INTEGER NOT NULL,
  cap INTEGER NOT NULL,
  decision INTEGER NOT NULL,  -- 0 open, 1 advance, 2 repeat, 3 graduate.
  reason TEXT NOT NULL,
  accepted INTEGER NOT NULL,
  PRIMARY KEY (plan, day)
) STRICT, WITHOUT ROWID;

CREATE TABLE lanes (
  egress_ip TEXT NOT NULL,
  provider TEXT NOT NULL,
  paused INTEGER NOT NULL,
  pause_reason TEXT NOT NULL,
  stopped_until_us INTEGER,
  blocked INTEGER NOT NULL,  -- 1: stopped for reputation, not for rate.
  stop_reason TEXT NOT NULL,
  stop_count INTEGER NOT NULL,
  rate_per_hour REAL NOT NULL,
  connection_limit INTEGER NOT NULL,
  last_raise_time_us INTEGER,
  PRIMARY KEY (egress_ip, provider)
) STRICT, WITHOUT ROWID;

CREATE TABLE campaigns (
  key INTEGER PRIMARY KEY,
  id TEXT NOT NULL UNIQUE,
  state INTEGER NOT NULL,  -- 0 draft, 1 sending, 2 paused, 3 cancelled.
  pool TEXT NOT NULL REFERENCES pools (id),
  create_time_us INTEGER,
  revision INTEGER NOT NULL,
  lifetime_us INTEGER NOT NULL,
  state_reason TEXT NOT NULL,
  from_name TEXT NOT NULL,
  from_address TEXT NOT NULL,
  return_path TEXT NOT NULL,
  subject TEXT NOT NULL,
  list_unsubscribe TEXT NOT NULL,
  text_body TEXT NOT NULL,  -- The bodies last: they spill onto pages of their own.
  html_body TEXT NOT NULL
) STRICT;

-- How each campaign's deliveries fare; written in the commit that changes it. Apart from campaigns,
-- because those rows are large.
CREATE TABLE campaign_counts (
  campaign INTEGER PRIMARY KEY REFERENCES campaigns (key),
  queued INTEGER NOT NULL DEFAULT 0 CHECK (queued >= 0),
  claimed INTEGER NOT NULL DEFAULT 0 CHECK (claimed >= 0),
  in_doubt INTEGER NOT NULL DEFAULT 0 CHECK (in_doubt >= 0),
  deferred INTEGER NOT NULL DEFAULT 0 CHECK (deferred >= 0),
  accepted INTEGER NOT NULL DEFAULT 0 CHECK (accepted >= 0),
  bounced INTEGER NOT NULL DEFAULT 0 CHECK (bounced >= 0),
  expired INTEGER NOT NULL DEFAULT 0 CHECK (expired >= 0),
  suppressed INTEGER NOT NULL DEFAULT 0 CHECK (suppressed >= 0),
  cancelled INTEGER NOT NULL DEFAULT 0 CHECK (cancelled >= 0),
  first_delivery INTEGER,  -- Its deliveries' ids are in this range; NULL: none yet.
  last_delivery INTEGER
) STRICT;

-- request_ids that were answered. Never deleted: there is one per change by a person or platform.
CREATE TABLE requests (
  id TEXT PRIMARY KEY,
  kind INTEGER NOT NULL,         -- 0 egress IP, 1 pool, 2 plan, 3 campaign.
  fingerprint INTEGER NOT NULL,  -- Of the request's body, as a signed number.
  record TEXT NOT NULL,          -- The id of what was stored.
  time_us INTEGER
) STRICT, WITHOUT ROWID;

-- Numbers for the texts that millions of rows repeat: ids of egress IPs, providers, campaigns …
CREATE TABLE labels (
  key INTEGER PRIMARY KEY,
  text TEXT NOT NULL UNIQUE
) STRICT;

CREATE TABLE domains (
  key INTEGER PRIMARY KEY,
  name TEXT NOT NULL UNIQUE
) STRICT;

-- One recipient of one campaign; ids ascend in the order of import. A row is rewritten by each
-- attempt, so it is kept short. A claim does not touch it: see claims.
CREATE TABLE deliveries (
  id INTEGER PRIMARY KEY,
  campaign INTEGER NOT NULL,
  domain INTEGER NOT NULL,
  -- 0 queued, 1 claimed (never here), 2 in doubt, 3 deferred, 4 accepted, 5 bounced, 6 expired,
  -- 7 suppressed, 8 cancelled.
  state INTEGER NOT NULL CHECK (state BETWEEN 0 AND 8 AND state <> 1),
  score REAL NOT NULL,
  attempts INTEGER NOT NULL DEFAULT 0,
  in_doubt_count INTEGER NOT NULL DEFAULT 0,
  create_time_us INTEGER,
  first_attempt_time_us INTEGER,
  last_attempt_time_us INTEGER,
  next_attempt_time_us INTEGER,
  last_ip INTEGER NOT NULL DEFAULT 0,        -- Label, of the last attempt.
  last_provider INTEGER NOT NULL DEFAULT 0,  -- Label.
  pinned_ip INTEGER NOT NULL DEFAULT 0,      -- Label.
  category INTEGER,                          -- As in events.
  last_event INTEGER NOT NULL DEFAULT 0,     -- Newest event about it; events.previous leads on.
  reply TEXT,
  address TEXT NOT NULL,
  variables BLOB,            -- Netstrings: name, value, name, value …; NULL: none.
  UNIQUE (address, campaign)  -- Nobody is imported twice.
) STRICT;
CREATE INDEX deliveries_in_doubt ON deliveries (campaign) WHERE state = 2;

-- Deliveries that are handed to a lane. While a row is here the delivery is claimed, and its row in
-- deliveries is as it was before: a release only takes the claim away.
CREATE TABLE claims (
  delivery INTEGER PRIMARY KEY,
  egress_ip INTEGER NOT NULL,  -- Label.
  provider INTEGER NOT NULL,   -- Label.
  day INTEGER NOT NULL         -- Whose slot it holds.
) STRICT;

-- What each lane did on each plan day: the proof of L1. Written in the commit that it counts.
CREATE TABLE ledger (
  egress_ip INTEGER NOT NULL,  -- Label.
  provider INTEGER NOT NULL,   -- Label.
  day INTEGER NOT NULL,
  claimed INTEGER NOT NULL CHECK (claimed >= 0),
  accepted INTEGER NOT NULL,
  refused INTEGER NOT NULL,
  in_doubt INTEGER NOT NULL,
  deferred INTEGER NOT NULL,
  carried INTEGER NOT NULL,
  PRIMARY KEY (egress_ip, provider, day)
) STRICT, WITHOUT ROWID;

-- Chunks that were applied, and what was answered.
CREATE TABLE import_chunks (
  campaign INTEGER NOT NULL,
  import TEXT NOT NULL,
  chunk INTEGER NOT NULL,
  fingerprint INTEGER NOT NULL,  -- Of the chunk's body, as a signed number.
  added INTEGER NOT NULL,
  duplicates INTEGER NOT NULL,
  suppressed INTEGER NOT NULL,
  PRIMARY KEY (campaign, import, chunk)
) STRICT, WITHOUT ROWID;

CREATE TABLE suppressions (
  address TEXT PRIMARY KEY,
  reason INTEGER NOT NULL,  -- 0 hard bounce, 1 complaint, 2 unsubscribe, 3 manual.
  note TEXT NOT NULL,
  create_time_us INTEGER
) STRICT, WITHOUT ROWID;

-- Append only; ids ascend without gaps and are never given twice.
CREATE TABLE events (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  time_us INTEGER,
  type INTEGER NOT NULL,  -- EventType, in the order of domain/event.h.
  egress_ip INTEGER,      -- Labels; NULL: none.
  provider INTEGER,
  pool INTEGER,
  plan INTEGER,
  campaign INTEGER,
  delivery INTEGER,
  previous INTEGER,  -- The event before it about the same delivery: no index to keep.
  category INTEGER,  -- ReplyCategory, in the order of domain/reply.h.
  address TEXT,      -- NULL: the delivery's.
  text TEXT,
  actor TEXT
) STRICT;
CREATE INDEX events_by_campaign ON events (campaign) WHERE campaign IS NOT NULL;
CREATE INDEX events_by_egress_ip ON events (egress_ip) WHERE egress_ip IS NOT NULL;
CREATE INDEX events_by_plan ON events (plan) WHERE plan IS NOT NULL;
