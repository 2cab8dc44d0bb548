-- 0007_update_scores.sql. A chunk may bring new scores to recipients that are there already.
ALTER TABLE import_chunks ADD COLUMN updated INTEGER NOT NULL DEFAULT 0;
