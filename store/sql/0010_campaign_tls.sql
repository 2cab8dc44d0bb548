-- 0010_campaign_tls.sql. What a campaign's mail needs of a session.
ALTER TABLE campaigns ADD COLUMN tls INTEGER NOT NULL DEFAULT 0;  -- TlsPolicy; 0: as the provider.
