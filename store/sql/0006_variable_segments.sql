-- 0006_variable_segments.sql. Large variables lie in segments: files beside this one.
--
-- A body of its own for each recipient went through the WAL into this file: twice, page by page.

-- NULL: the bytes are in `variables`, as in a backup. Else they are these of the segment, and
-- `variables` is empty.
ALTER TABLE delivery_variables ADD COLUMN segment INTEGER;
ALTER TABLE delivery_variables ADD COLUMN position INTEGER;
ALTER TABLE delivery_variables ADD COLUMN length INTEGER;
-- Of the bytes, wherever they are: XXH3, 64 bits, as a signed number. NULL: short, without one.
ALTER TABLE delivery_variables ADD COLUMN checksum INTEGER;

-- Appended to in the order of their numbers. One without anything live has no file; of those only
-- the newest has a row, so that no number is used again.
CREATE TABLE variable_segments (
  number INTEGER PRIMARY KEY,
  bytes INTEGER NOT NULL,  -- That commits refer to: what is beyond is of none.
  live INTEGER NOT NULL CHECK (live >= 0)  -- Rows of delivery_variables that are in it.
) STRICT;
