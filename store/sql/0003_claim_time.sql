-- 0003_claim_time.sql. When a claim was made: it is the first attempt's time, which dates the message,
-- so that a retry after a kill has the same bytes (L4).
ALTER TABLE claims ADD COLUMN time_us INTEGER;  -- NULL: made before this column was.
