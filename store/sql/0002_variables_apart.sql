-- 0002_variables_apart.sql. A recipient's variables get a table of their own.
--
-- A delivery's row is rewritten by each attempt. Variables never change, and may be many times as
-- long as the rest of the row: a whole body, say.
CREATE TABLE delivery_variables (
  delivery INTEGER PRIMARY KEY,
  variables BLOB NOT NULL  -- Netstrings: name, value, name, value …
) STRICT;
INSERT INTO delivery_variables
  SELECT id, variables FROM deliveries WHERE variables IS NOT NULL ORDER BY id;
ALTER TABLE deliveries DROP COLUMN variables;
