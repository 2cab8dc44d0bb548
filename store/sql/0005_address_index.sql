-- 0005_address_index.sql. The index by address is filled in many at a time.
--
-- Addresses come in any order: with a unique index each row of an import of millions changed a page
-- of its own. Now the newest deliveries are found by what the process keeps in memory, and go into
-- the index sorted (store/sqlite/address_index.h). That nobody is imported twice is looked up.
CREATE TABLE new_deliveries (
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
  -- When it reached a final state. NULL: it has not, or did so before this was kept.
  end_time_us INTEGER
) STRICT;
INSERT INTO new_deliveries
  SELECT id, campaign, domain, state, score, attempts, in_doubt_count, create_time_us,
    first_attempt_time_us, last_attempt_time_us, next_attempt_time_us, last_ip, last_provider,
    pinned_ip, category, last_event, reply, address, end_time_us
  FROM deliveries ORDER BY id;
DROP TABLE deliveries;
ALTER TABLE new_deliveries RENAME TO deliveries;
CREATE INDEX deliveries_in_doubt ON deliveries (campaign) WHERE state = 2;

CREATE TABLE delivery_addresses (
  hash INTEGER NOT NULL,  -- Of the address: AddressHash, in 32 bits. Others may have the same.
  delivery INTEGER NOT NULL,
  PRIMARY KEY (hash, delivery)
) STRICT, WITHOUT ROWID;

-- One row. Deliveries with a greater id are not, or not all, in delivery_addresses.
CREATE TABLE delivery_addresses_end (
  delivery INTEGER NOT NULL
) STRICT;
INSERT INTO delivery_addresses_end VALUES (0);
