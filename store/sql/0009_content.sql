-- 0009_content.sql. What a campaign's message may have besides a subject and two bodies.
ALTER TABLE campaigns ADD COLUMN feedback_sender_id TEXT NOT NULL DEFAULT '';
ALTER TABLE campaigns ADD COLUMN headers BLOB;  -- Netstrings: name, value …
ALTER TABLE campaigns ADD COLUMN raw_message BLOB;
