-- 0013_engagement.sql. Clicks and opens are reported after an import too, and re-rank what waits.

-- All that was reported of an address, over all campaigns.
CREATE TABLE engagements (
  address TEXT PRIMARY KEY,
  click_time_us INTEGER,  -- The last one's, as the next two. NULL: none yet.
  open_time_us INTEGER,
  machine_open_time_us INTEGER,
  clicks INTEGER NOT NULL,
  opens INTEGER NOT NULL,
  machine_opens INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Events that are in `engagements`, so that none counts twice; pruned with the answers.
CREATE TABLE engagement_events (
  id INTEGER PRIMARY KEY,
  key INTEGER NOT NULL UNIQUE,  -- Of the event, as a signed number.
  time_us INTEGER NOT NULL      -- When it was recorded.
) STRICT;

-- Deliveries whose score follows from signals: those of the import, without what had been reported
-- by then. The other ones were given their score; so were all before this.
CREATE TABLE delivery_signals (
  delivery INTEGER PRIMARY KEY,
  click_time_us INTEGER,  -- NULL: never, or not known.
  open_time_us INTEGER,
  subscribe_time_us INTEGER,
  clicks INTEGER NOT NULL,
  opens INTEGER NOT NULL
) STRICT;
