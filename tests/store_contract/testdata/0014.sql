-- Rows as version 14 wrote them; see sqlite_test.cc. Two accepted deliveries of `spring` are pruned.
INSERT INTO egress_ips VALUES ('mta1-a', '192.0.2.1', 'mta1-a.example.com', 1772409600000000, 1);
INSERT INTO pools VALUES ('main', 1772409600000000, 1, '');
INSERT INTO pool_members VALUES ('mta1-a', 'main', 0);
INSERT INTO campaigns VALUES (1, 'spring', 1, 'main', 1772409600000000, 1, 172800000000, '', 'Shop',
  'news@shop.example', '', 'Hello', '', 'Hi', '', 'shop1', CAST('8:Reply-To17:help@shop.example' AS BLOB), NULL, 2, 3, 365);
INSERT INTO campaign_counts VALUES
  (1, 0, 1, 0, 0, 3, 0, 0, 0, 0, 1, 2, 2, 0, 0, 0, 0);
INSERT INTO labels VALUES (1, 'mta1-a'), (2, 'gmail'), (3, 'spring');
INSERT INTO domains VALUES (1, 'x.example');
INSERT INTO deliveries VALUES
  (1, 1, 1, 4, 0.5, 1, 0, 1772409600000000, 1772410000000000, 1772410000000000, NULL, 1, 2, 0, 0, 9,
   '250 ok', 'a@x.example', 1772410000000000, 20500),
  (2, 1, 1, 0, 0.25, 0, 0, 1772409600000000, NULL, NULL, NULL, 0, 0, 0, NULL, 0, NULL,
   'b@x.example', NULL, NULL);
INSERT INTO delivery_variables VALUES (2, CAST('4:name3:Bob' AS BLOB), NULL, NULL, NULL, NULL);
INSERT INTO claims VALUES (2, 1, 2, 20514, 1772410800000000);
INSERT INTO ledger VALUES (1, 2, 20514, 1, 3, 0, 0, 0, 0, 1, 0, 1, 0);
INSERT INTO import_chunks VALUES (1, 'list', 1, 7, 4, 0, 0, 1772409600000000, 0);
INSERT INTO requests VALUES ('r1', 3, 7, 'spring', 1772409600000000);
INSERT INTO events VALUES
  (9, 1772410000000000, 0, 1, 2, NULL, NULL, 3, 1, NULL, 0, NULL, '250 ok', NULL,
   20514, 0);
INSERT INTO delivery_addresses VALUES (-1374164359, 1);
UPDATE delivery_addresses_end SET delivery = 1;
INSERT INTO plans VALUES ('warm-a', 'mta1-a', 'UTC', 0, 86400000000, 20514, 0, 4, 'look', 1772409600000000, 3,
  20515, 1, 1, 20514, 0);
INSERT INTO plan_stages VALUES ('warm-a', 0, 2, 200), ('warm-a', 1, 2, 500);
INSERT INTO plan_settings VALUES ('warm-a', 0, 'rolling_day', 'on'), ('warm-a', 0, 'engagement_floors', '30@14 90'), ('warm-a', 1, 'stages', '2:300');
INSERT INTO plan_days VALUES ('warm-a', 20514, 'mta1-a', 1, 0, 500, 0, '', 0, 500, 20514, 1,
  CAST('12:HARD_BOUNCES5:gmail' AS BLOB), CAST('5:gmail0:' AS BLOB), NULL);
INSERT INTO plan_day_ramps VALUES ('warm-a', 20514, 0, 'gmail', 0, 1, 100, 0, '', 0);
INSERT INTO webhooks VALUES ('crm', 'https://shop.example/hook', 'whsec_c2VjcmV0', CAST('8:campaign6:spring4:type1:2' AS BLOB), 0, '', 1, 0, 1772409600000000);
INSERT INTO engagements VALUES ('b@x.example', 1772409900000000, NULL, NULL, 1, 0, 0);
INSERT INTO engagement_events VALUES (1, -7, 1772409900000000);
INSERT INTO delivery_signals VALUES (2, NULL, 1772000000000000, 1770000000000000, 0, 3);
