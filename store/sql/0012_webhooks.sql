-- 0012_webhooks.sql. Addresses that are told of events.

CREATE TABLE webhooks (
  id TEXT PRIMARY KEY,
  url TEXT NOT NULL,
  secret TEXT NOT NULL,
  selection BLOB,              -- Netstrings: campaign, id; type, number …
  paused INTEGER NOT NULL,
  state_reason TEXT NOT NULL,
  delivered INTEGER NOT NULL,  -- The last event that its receiver took.
  lost INTEGER NOT NULL,
  created INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
