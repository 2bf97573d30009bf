BEGIN TRANSACTION;
CREATE TABLE prodstatus_claim (
	id INTEGER NOT NULL, 
	criterion TEXT NOT NULL, 
	target TEXT NOT NULL, 
	link INTEGER NOT NULL, 
	day TEXT NOT NULL, 
	attempt INTEGER NOT NULL, 
	out_order_id TEXT NOT NULL, 
	payload_hash TEXT NOT NULL, 
	amount TEXT NOT NULL, 
	currency TEXT NOT NULL, 
	cap TEXT NOT NULL, 
	who TEXT NOT NULL, 
	route TEXT NOT NULL, 
	mode TEXT NOT NULL, 
	expires_at DATETIME NOT NULL, 
	PRIMARY KEY (id), 
	UNIQUE (criterion, target, day, attempt), 
	UNIQUE (criterion, target, link), 
	UNIQUE (out_order_id)
);
INSERT INTO "prodstatus_claim" VALUES(1,'placeorder.real-order-placed','production',1,'2026-03-10',1,'ps-20260310-1-b04989e83953','0f1e0f1e0f1e0f1e0f1e0f1e0f1e0f1e0f1e0f1e0f1e0f1e0f1e0f1e0f1e0f1e','17.90','USD','25.00','release job 7','direct','paid','2026-03-10 12:10:00.123456');
INSERT INTO "prodstatus_claim" VALUES(2,'placeorder.real-order-placed','production',2,'2026-03-11',1,'ps-20260311-1-70a131d0284d','0f1e0f1e0f1e0f1e0f1e0f1e0f1e0f1e0f1e0f1e0f1e0f1e0f1e0f1e0f1e0f1e','17.900','USD','25.00','release job 7','direct','paid','2026-03-11 12:10:00.123456');
INSERT INTO "prodstatus_claim" VALUES(3,'placeorder.real-order-placed','production',3,'2026-03-11',2,'ps-20260311-2-d9c5afa2b8bf','0f1e0f1e0f1e0f1e0f1e0f1e0f1e0f1e0f1e0f1e0f1e0f1e0f1e0f1e0f1e0f1e','17.90','USD','25.00','Zoë O''Hara','store','paid','2026-03-11 12:10:00.123456');
INSERT INTO "prodstatus_claim" VALUES(4,'placeorder.real-order-placed','left-at-intent',1,'2026-03-31',1,'ps-20260331-1-3664fd1bba29','0f1e0f1e0f1e0f1e0f1e0f1e0f1e0f1e0f1e0f1e0f1e0f1e0f1e0f1e0f1e0f1e','17.90','USD','25.00','release job 7','direct','paid','2026-03-31 12:10:00.123456');
INSERT INTO "prodstatus_claim" VALUES(5,'placeorder.real-order-placed','left-at-sent',1,'2026-03-31',1,'ps-20260331-1-9885141f4e5d','0f1e0f1e0f1e0f1e0f1e0f1e0f1e0f1e0f1e0f1e0f1e0f1e0f1e0f1e0f1e0f1e','17.90','USD','25.00','release job 7','direct','paid','2026-03-31 12:10:00.123456');
INSERT INTO "prodstatus_claim" VALUES(6,'placeorder.real-order-placed','left-at-unknown',1,'2026-03-31',1,'ps-20260331-1-89a54694694e','0f1e0f1e0f1e0f1e0f1e0f1e0f1e0f1e0f1e0f1e0f1e0f1e0f1e0f1e0f1e0f1e','17.90','USD','25.00','release job 7','direct','paid','2026-03-31 12:10:00.123456');
INSERT INTO "prodstatus_claim" VALUES(7,'placeorder.real-order-placed','unpaid',1,'2026-03-31',1,'ps-20260331-1-42dec4165377','0f1e0f1e0f1e0f1e0f1e0f1e0f1e0f1e0f1e0f1e0f1e0f1e0f1e0f1e0f1e0f1e','17.90','USD','25.00','release job 7','direct','unpaid','2026-03-31 12:10:00.123456');
INSERT INTO "prodstatus_claim" VALUES(8,'placeorder.real-order-placed','rejected',1,'2026-03-31',1,'ps-20260331-1-0749c23bf260','0f1e0f1e0f1e0f1e0f1e0f1e0f1e0f1e0f1e0f1e0f1e0f1e0f1e0f1e0f1e0f1e','17.90','USD','25.00','release job 7','direct','paid','2026-03-31 12:10:00.123456');
CREATE TABLE prodstatus_claim_event (
	id INTEGER NOT NULL, 
	claim_id INTEGER NOT NULL, 
	ordinal INTEGER NOT NULL, 
	at DATETIME NOT NULL, 
	state TEXT NOT NULL, 
	detail TEXT NOT NULL, 
	who TEXT NOT NULL, 
	order_ids TEXT NOT NULL, 
	resolution BOOLEAN NOT NULL, 
	PRIMARY KEY (id), 
	UNIQUE (claim_id, ordinal), 
	FOREIGN KEY(claim_id) REFERENCES prodstatus_claim (id)
);
INSERT INTO "prodstatus_claim_event" VALUES(1,1,1,'2026-03-10 12:00:00.123456','PLANNED','paid order by the direct route for 17.90 USD, cap 25.00 USD, until 2026-03-10T12:10:00.123456+00:00','release job 7','[]',0);
INSERT INTO "prodstatus_claim_event" VALUES(2,1,2,'2026-03-10 12:00:00.123456','INTENT','claimed; nothing has left','release job 7','[]',0);
INSERT INTO "prodstatus_claim_event" VALUES(3,1,3,'2026-03-10 12:00:00.123456','SENT','','release job 7','[]',0);
INSERT INTO "prodstatus_claim_event" VALUES(4,1,4,'2026-03-10 12:00:00.123456','CONFIRMED','request_id 2101f05f','release job 7','["8198352049851315", "8198352049851316"]',0);
INSERT INTO "prodstatus_claim_event" VALUES(5,2,1,'2026-03-11 12:00:00.123456','PLANNED','paid order by the direct route for 17.900 USD, cap 25.00 USD, until 2026-03-11T12:10:00.123456+00:00','release job 7','[]',0);
INSERT INTO "prodstatus_claim_event" VALUES(6,2,2,'2026-03-11 12:00:00.123456','INTENT','claimed; nothing has left','release job 7','[]',0);
INSERT INTO "prodstatus_claim_event" VALUES(7,2,3,'2026-03-11 12:00:00.123456','SENT','','release job 7','[]',0);
INSERT INTO "prodstatus_claim_event" VALUES(8,2,4,'2026-03-11 12:00:00.123456','REJECTED','isv.no-stock','release job 7','[]',0);
INSERT INTO "prodstatus_claim_event" VALUES(9,3,1,'2026-03-11 12:00:00.123456','PLANNED','paid order by the store route for 17.90 USD, cap 25.00 USD, until 2026-03-11T12:10:00.123456+00:00','Zoë O''Hara','[]',0);
INSERT INTO "prodstatus_claim_event" VALUES(10,3,2,'2026-03-11 12:00:00.123456','INTENT','claimed; nothing has left','Zoë O''Hara','[]',0);
INSERT INTO "prodstatus_claim_event" VALUES(11,3,3,'2026-03-11 12:00:00.123456','SENT','','Zoë O''Hara','[]',0);
INSERT INTO "prodstatus_claim_event" VALUES(12,3,4,'2026-03-11 12:00:00.123456','UNKNOWN','read timed out after 20 s','Zoë O''Hara','[]',0);
INSERT INTO "prodstatus_claim_event" VALUES(13,3,5,'2026-03-31 12:00:00.123456','CONFIRMED','it is in the supplier''s list','Ana Ruiz','["77"]',1);
INSERT INTO "prodstatus_claim_event" VALUES(14,4,1,'2026-03-31 12:00:00.123456','PLANNED','paid order by the direct route for 17.90 USD, cap 25.00 USD, until 2026-03-31T12:10:00.123456+00:00','release job 7','[]',0);
INSERT INTO "prodstatus_claim_event" VALUES(15,4,2,'2026-03-31 12:00:00.123456','INTENT','claimed; nothing has left','release job 7','[]',0);
INSERT INTO "prodstatus_claim_event" VALUES(16,5,1,'2026-03-31 12:00:00.123456','PLANNED','paid order by the direct route for 17.90 USD, cap 25.00 USD, until 2026-03-31T12:10:00.123456+00:00','release job 7','[]',0);
INSERT INTO "prodstatus_claim_event" VALUES(17,5,2,'2026-03-31 12:00:00.123456','INTENT','claimed; nothing has left','release job 7','[]',0);
INSERT INTO "prodstatus_claim_event" VALUES(18,5,3,'2026-03-31 12:00:00.123456','SENT','','release job 7','[]',0);
INSERT INTO "prodstatus_claim_event" VALUES(19,6,1,'2026-03-31 12:00:00.123456','PLANNED','paid order by the direct route for 17.90 USD, cap 25.00 USD, until 2026-03-31T12:10:00.123456+00:00','release job 7','[]',0);
INSERT INTO "prodstatus_claim_event" VALUES(20,6,2,'2026-03-31 12:00:00.123456','INTENT','claimed; nothing has left','release job 7','[]',0);
INSERT INTO "prodstatus_claim_event" VALUES(21,6,3,'2026-03-31 12:00:00.123456','SENT','','release job 7','[]',0);
INSERT INTO "prodstatus_claim_event" VALUES(22,6,4,'2026-03-31 12:00:00.123456','UNKNOWN','the line was cut','release job 7','[]',0);
INSERT INTO "prodstatus_claim_event" VALUES(23,7,1,'2026-03-31 12:00:00.123456','PLANNED','unpaid order by the direct route for 17.90 USD, cap 25.00 USD, until 2026-03-31T12:10:00.123456+00:00','release job 7','[]',0);
INSERT INTO "prodstatus_claim_event" VALUES(24,7,2,'2026-03-31 12:00:00.123456','INTENT','claimed; nothing has left','release job 7','[]',0);
INSERT INTO "prodstatus_claim_event" VALUES(25,7,3,'2026-03-31 12:00:00.123456','SENT','','release job 7','[]',0);
INSERT INTO "prodstatus_claim_event" VALUES(26,7,4,'2026-03-31 12:00:00.123456','CONFIRMED','ok','release job 7','["5"]',0);
INSERT INTO "prodstatus_claim_event" VALUES(27,8,1,'2026-03-31 12:00:00.123456','PLANNED','paid order by the direct route for 17.90 USD, cap 25.00 USD, until 2026-03-31T12:10:00.123456+00:00','release job 7','[]',0);
INSERT INTO "prodstatus_claim_event" VALUES(28,8,2,'2026-03-31 12:00:00.123456','INTENT','claimed; nothing has left','release job 7','[]',0);
INSERT INTO "prodstatus_claim_event" VALUES(29,8,3,'2026-03-31 12:00:00.123456','REJECTED','expired before it was sent','release job 7','[]',0);
CREATE TABLE prodstatus_version (
	version_num VARCHAR(32) NOT NULL, 
	CONSTRAINT prodstatus_version_pkc PRIMARY KEY (version_num)
);
INSERT INTO "prodstatus_version" VALUES('1');
CREATE TRIGGER prodstatus_claim_no_UPDATE BEFORE UPDATE ON prodstatus_claim BEGIN SELECT RAISE(ABORT, 'the journal is append-only'); END;
CREATE TRIGGER prodstatus_claim_no_DELETE BEFORE DELETE ON prodstatus_claim BEGIN SELECT RAISE(ABORT, 'the journal is append-only'); END;
CREATE TRIGGER prodstatus_claim_event_no_UPDATE BEFORE UPDATE ON prodstatus_claim_event BEGIN SELECT RAISE(ABORT, 'the journal is append-only'); END;
CREATE TRIGGER prodstatus_claim_event_no_DELETE BEFORE DELETE ON prodstatus_claim_event BEGIN SELECT RAISE(ABORT, 'the journal is append-only'); END;
COMMIT;
