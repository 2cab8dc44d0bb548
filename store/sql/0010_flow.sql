-- 0010_flow.sql. Who is mailed when: overflow pools, campaigns' shares, engagement floors, sending hours.
ALTER TABLE pools ADD COLUMN overflow TEXT NOT NULL DEFAULT '';  -- A pool's id; '': it holds.
ALTER TABLE campaigns ADD COLUMN weight INTEGER NOT NULL DEFAULT 0;
ALTER TABLE campaigns ADD COLUMN sunset_days INTEGER NOT NULL DEFAULT 0;
ALTER TABLE deliveries ADD COLUMN engaged_day INTEGER;  -- Since 1970-01-01; NULL: not known.
CREATE TABLE plan_floors (
  plan TEXT NOT NULL,
  position INTEGER NOT NULL,
  through_day INTEGER NOT NULL,  -- 0: until the plan is done.
  within_days INTEGER NOT NULL,
  PRIMARY KEY (plan, position)
) WITHOUT ROWID;
CREATE TABLE plan_hours (  -- All 24 of a plan that has a shape, else none.
  plan TEXT NOT NULL,
  hour INTEGER NOT NULL,
  weight INTEGER NOT NULL,
  PRIMARY KEY (plan, hour)
) WITHOUT ROWID;
CREATE TABLE plan_days_off (
  plan TEXT NOT NULL,
  weekday INTEGER NOT NULL,  -- 0: Monday.
  PRIMARY KEY (plan, weekday)
) WITHOUT ROWID;
