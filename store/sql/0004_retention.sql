-- 0004_retention.sql. What is finished and old is pruned, a little at a time.
--
-- Files made from here on give freed pages back (auto_vacuum); an older one does so once
-- `crescendo store compact` has rewritten it.

-- When it reached a final state. NULL: it has not, or did so before this was kept; then its last
-- attempt, else its import, stands for it.
ALTER TABLE deliveries ADD COLUMN end_time_us INTEGER;

-- Of the counts beside them, those whose deliveries are gone. Only what is final is pruned.
ALTER TABLE campaign_counts ADD COLUMN pruned_accepted INTEGER NOT NULL DEFAULT 0;
ALTER TABLE campaign_counts ADD COLUMN pruned_bounced INTEGER NOT NULL DEFAULT 0;
ALTER TABLE campaign_counts ADD COLUMN pruned_expired INTEGER NOT NULL DEFAULT 0;
ALTER TABLE campaign_counts ADD COLUMN pruned_suppressed INTEGER NOT NULL DEFAULT 0;
ALTER TABLE campaign_counts ADD COLUMN pruned_cancelled INTEGER NOT NULL DEFAULT 0;

-- When it was applied. Of an older one that is not known, but it was before the newest event.
ALTER TABLE import_chunks ADD COLUMN time_us INTEGER;
UPDATE import_chunks SET time_us = coalesce(
  (SELECT time_us FROM events ORDER BY id DESC LIMIT 1),
  (SELECT create_time_us FROM campaigns WHERE key = campaign));
CREATE INDEX import_chunks_by_time ON import_chunks (time_us);
CREATE INDEX requests_by_time ON requests (time_us);
