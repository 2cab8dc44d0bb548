-- 0008_recount.sql. The event of an outcome names the slot it used, so that the ledger can be counted
-- again (`crescendo store check`).
ALTER TABLE events ADD COLUMN claim_day INTEGER;  -- Of an outcome: the day whose slot it used.
-- 0 accepted, 1 refused, 2 in doubt, 3 deferred; plus 4 for each day that it ended later.
ALTER TABLE events ADD COLUMN slot INTEGER;
-- 1: some of the row's events are pruned, or from before they named their slot.
ALTER TABLE ledger ADD COLUMN events_gone INTEGER NOT NULL DEFAULT 0;
UPDATE ledger SET events_gone = 1;
