-- 0011_living_plans.sql. Plans are edited, held and moved while they run, and judged by evidence.

-- Fields of a plan that have no column, by name, as text (scheduler/domain/plan_settings.h). next 1:
-- all of an edit that holds from the plan day plans.next_from on.
CREATE TABLE plan_settings (
  plan TEXT NOT NULL REFERENCES plans (id),
  next INTEGER NOT NULL,
  name TEXT NOT NULL,
  value TEXT NOT NULL,
  PRIMARY KEY (plan, next, name)
) STRICT, WITHOUT ROWID;

-- Plans that graduated before growth was bounded: who sends more today must not be cut.
INSERT INTO plan_settings SELECT id, 0, 'bounded_growth', 'off' FROM plans WHERE state = 3;

ALTER TABLE plans ADD COLUMN next_from INTEGER;  -- NULL: no edit waits.
-- An operator's newest move to another stage, and the plan day from which it holds. 0: none.
ALTER TABLE plans ADD COLUMN move_number INTEGER NOT NULL DEFAULT 0;
ALTER TABLE plans ADD COLUMN move_stage INTEGER NOT NULL DEFAULT 0;
ALTER TABLE plans ADD COLUMN move_from INTEGER NOT NULL DEFAULT 0;
-- The newest plan day for which the scheduler paused or graduated the plan.
ALTER TABLE plans ADD COLUMN acted_day INTEGER NOT NULL DEFAULT 0;

ALTER TABLE plan_days ADD COLUMN peak_cap INTEGER NOT NULL DEFAULT 0;
ALTER TABLE plan_days ADD COLUMN idle_since INTEGER NOT NULL DEFAULT 0;
ALTER TABLE plan_days ADD COLUMN moves INTEGER NOT NULL DEFAULT 0;
ALTER TABLE plan_days ADD COLUMN breaches BLOB;      -- Netstrings: signal, provider …
ALTER TABLE plan_days ADD COLUMN paused_lanes BLOB;  -- Netstrings: provider, "" …
ALTER TABLE plan_days ADD COLUMN recent BLOB;        -- Netstrings: start in UTC microseconds, slots …
UPDATE plan_days SET peak_cap = cap, idle_since = day;

-- Where the providers' own ramps stand on a plan day; as plan_days.
CREATE TABLE plan_day_ramps (
  plan TEXT NOT NULL REFERENCES plans (id),
  day INTEGER NOT NULL,
  position INTEGER NOT NULL,
  provider TEXT NOT NULL,
  stage INTEGER NOT NULL,
  day_in_stage INTEGER NOT NULL,
  cap INTEGER NOT NULL,
  decision INTEGER NOT NULL,
  reason TEXT NOT NULL,
  accepted INTEGER NOT NULL,
  PRIMARY KEY (plan, day, position)
) STRICT, WITHOUT ROWID;

-- Evidence; not recounted from the events.
ALTER TABLE ledger ADD COLUMN hard_bounces INTEGER NOT NULL DEFAULT 0;
ALTER TABLE ledger ADD COLUMN complaints INTEGER NOT NULL DEFAULT 0;
ALTER TABLE ledger ADD COLUMN pushback INTEGER NOT NULL DEFAULT 0;
