-- 0014_flow.sql. Who is mailed when: overflow pools, campaigns' shares, and when recipients were engaged.
ALTER TABLE pools ADD COLUMN overflow TEXT NOT NULL DEFAULT '';  -- A pool's id; '': it holds.
ALTER TABLE campaigns ADD COLUMN weight INTEGER NOT NULL DEFAULT 0;
ALTER TABLE campaigns ADD COLUMN sunset_days INTEGER NOT NULL DEFAULT 0;
ALTER TABLE deliveries ADD COLUMN engaged_day INTEGER;  -- Since 1970-01-01; NULL: not known.
