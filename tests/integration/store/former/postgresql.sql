CREATE FUNCTION prodstatus_append_only() RETURNS trigger
    LANGUAGE plpgsql
    AS $$ BEGIN RAISE EXCEPTION 'the journal is append-only'; END $$;
CREATE TABLE prodstatus_claim (
    id integer NOT NULL,
    criterion text NOT NULL,
    target text NOT NULL,
    link integer NOT NULL,
    day text NOT NULL,
    attempt integer NOT NULL,
    out_order_id text NOT NULL,
    payload_hash text NOT NULL,
    amount text NOT NULL,
    currency text NOT NULL,
    cap text NOT NULL,
    who text NOT NULL,
    route text NOT NULL,
    mode text NOT NULL,
    expires_at timestamp with time zone NOT NULL
);
CREATE TABLE prodstatus_claim_event (
    id integer NOT NULL,
    claim_id integer NOT NULL,
    ordinal integer NOT NULL,
    at timestamp with time zone NOT NULL,
    state text NOT NULL,
    detail text NOT NULL,
    who text NOT NULL,
    order_ids text NOT NULL,
    resolution boolean NOT NULL
);
CREATE SEQUENCE prodstatus_claim_event_id_seq
    AS integer
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE prodstatus_claim_event_id_seq OWNED BY prodstatus_claim_event.id;
CREATE SEQUENCE prodstatus_claim_id_seq
    AS integer
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE prodstatus_claim_id_seq OWNED BY prodstatus_claim.id;
CREATE TABLE prodstatus_version (
    version_num character varying(32) NOT NULL
);
ALTER TABLE ONLY prodstatus_claim ALTER COLUMN id SET DEFAULT nextval('prodstatus_claim_id_seq'::regclass);
ALTER TABLE ONLY prodstatus_claim_event ALTER COLUMN id SET DEFAULT nextval('prodstatus_claim_event_id_seq'::regclass);
INSERT INTO prodstatus_claim VALUES (1, 'placeorder.real-order-placed', 'production', 1, '2026-03-10', 1, 'ps-20260310-1-b04989e83953', '0f1e0f1e0f1e0f1e0f1e0f1e0f1e0f1e0f1e0f1e0f1e0f1e0f1e0f1e0f1e0f1e', '17.90', 'USD', '25.00', 'release job 7', 'direct', 'paid', '2026-03-10 12:10:00.123456+00');
INSERT INTO prodstatus_claim VALUES (2, 'placeorder.real-order-placed', 'production', 2, '2026-03-11', 1, 'ps-20260311-1-70a131d0284d', '0f1e0f1e0f1e0f1e0f1e0f1e0f1e0f1e0f1e0f1e0f1e0f1e0f1e0f1e0f1e0f1e', '17.900', 'USD', '25.00', 'release job 7', 'direct', 'paid', '2026-03-11 12:10:00.123456+00');
INSERT INTO prodstatus_claim VALUES (3, 'placeorder.real-order-placed', 'production', 3, '2026-03-11', 2, 'ps-20260311-2-d9c5afa2b8bf', '0f1e0f1e0f1e0f1e0f1e0f1e0f1e0f1e0f1e0f1e0f1e0f1e0f1e0f1e0f1e0f1e', '17.90', 'USD', '25.00', 'Zoë O''Hara', 'store', 'paid', '2026-03-11 12:10:00.123456+00');
INSERT INTO prodstatus_claim VALUES (4, 'placeorder.real-order-placed', 'left-at-intent', 1, '2026-03-31', 1, 'ps-20260331-1-3664fd1bba29', '0f1e0f1e0f1e0f1e0f1e0f1e0f1e0f1e0f1e0f1e0f1e0f1e0f1e0f1e0f1e0f1e', '17.90', 'USD', '25.00', 'release job 7', 'direct', 'paid', '2026-03-31 12:10:00.123456+00');
INSERT INTO prodstatus_claim VALUES (5, 'placeorder.real-order-placed', 'left-at-sent', 1, '2026-03-31', 1, 'ps-20260331-1-9885141f4e5d', '0f1e0f1e0f1e0f1e0f1e0f1e0f1e0f1e0f1e0f1e0f1e0f1e0f1e0f1e0f1e0f1e', '17.90', 'USD', '25.00', 'release job 7', 'direct', 'paid', '2026-03-31 12:10:00.123456+00');
INSERT INTO prodstatus_claim VALUES (6, 'placeorder.real-order-placed', 'left-at-unknown', 1, '2026-03-31', 1, 'ps-20260331-1-89a54694694e', '0f1e0f1e0f1e0f1e0f1e0f1e0f1e0f1e0f1e0f1e0f1e0f1e0f1e0f1e0f1e0f1e', '17.90', 'USD', '25.00', 'release job 7', 'direct', 'paid', '2026-03-31 12:10:00.123456+00');
INSERT INTO prodstatus_claim VALUES (7, 'placeorder.real-order-placed', 'unpaid', 1, '2026-03-31', 1, 'ps-20260331-1-42dec4165377', '0f1e0f1e0f1e0f1e0f1e0f1e0f1e0f1e0f1e0f1e0f1e0f1e0f1e0f1e0f1e0f1e', '17.90', 'USD', '25.00', 'release job 7', 'direct', 'unpaid', '2026-03-31 12:10:00.123456+00');
INSERT INTO prodstatus_claim VALUES (8, 'placeorder.real-order-placed', 'rejected', 1, '2026-03-31', 1, 'ps-20260331-1-0749c23bf260', '0f1e0f1e0f1e0f1e0f1e0f1e0f1e0f1e0f1e0f1e0f1e0f1e0f1e0f1e0f1e0f1e', '17.90', 'USD', '25.00', 'release job 7', 'direct', 'paid', '2026-03-31 12:10:00.123456+00');
INSERT INTO prodstatus_claim_event VALUES (1, 1, 1, '2026-03-10 12:00:00.123456+00', 'PLANNED', 'paid order by the direct route for 17.90 USD, cap 25.00 USD, until 2026-03-10T12:10:00.123456+00:00', 'release job 7', '[]', false);
INSERT INTO prodstatus_claim_event VALUES (2, 1, 2, '2026-03-10 12:00:00.123456+00', 'INTENT', 'claimed; nothing has left', 'release job 7', '[]', false);
INSERT INTO prodstatus_claim_event VALUES (3, 1, 3, '2026-03-10 12:00:00.123456+00', 'SENT', '', 'release job 7', '[]', false);
INSERT INTO prodstatus_claim_event VALUES (4, 1, 4, '2026-03-10 12:00:00.123456+00', 'CONFIRMED', 'request_id 2101f05f', 'release job 7', '["8198352049851315", "8198352049851316"]', false);
INSERT INTO prodstatus_claim_event VALUES (5, 2, 1, '2026-03-11 12:00:00.123456+00', 'PLANNED', 'paid order by the direct route for 17.900 USD, cap 25.00 USD, until 2026-03-11T12:10:00.123456+00:00', 'release job 7', '[]', false);
INSERT INTO prodstatus_claim_event VALUES (6, 2, 2, '2026-03-11 12:00:00.123456+00', 'INTENT', 'claimed; nothing has left', 'release job 7', '[]', false);
INSERT INTO prodstatus_claim_event VALUES (7, 2, 3, '2026-03-11 12:00:00.123456+00', 'SENT', '', 'release job 7', '[]', false);
INSERT INTO prodstatus_claim_event VALUES (8, 2, 4, '2026-03-11 12:00:00.123456+00', 'REJECTED', 'isv.no-stock', 'release job 7', '[]', false);
INSERT INTO prodstatus_claim_event VALUES (9, 3, 1, '2026-03-11 12:00:00.123456+00', 'PLANNED', 'paid order by the store route for 17.90 USD, cap 25.00 USD, until 2026-03-11T12:10:00.123456+00:00', 'Zoë O''Hara', '[]', false);
INSERT INTO prodstatus_claim_event VALUES (10, 3, 2, '2026-03-11 12:00:00.123456+00', 'INTENT', 'claimed; nothing has left', 'Zoë O''Hara', '[]', false);
INSERT INTO prodstatus_claim_event VALUES (11, 3, 3, '2026-03-11 12:00:00.123456+00', 'SENT', '', 'Zoë O''Hara', '[]', false);
INSERT INTO prodstatus_claim_event VALUES (12, 3, 4, '2026-03-11 12:00:00.123456+00', 'UNKNOWN', 'read timed out after 20 s', 'Zoë O''Hara', '[]', false);
INSERT INTO prodstatus_claim_event VALUES (13, 3, 5, '2026-03-31 12:00:00.123456+00', 'CONFIRMED', 'it is in the supplier''s list', 'Ana Ruiz', '["77"]', true);
INSERT INTO prodstatus_claim_event VALUES (14, 4, 1, '2026-03-31 12:00:00.123456+00', 'PLANNED', 'paid order by the direct route for 17.90 USD, cap 25.00 USD, until 2026-03-31T12:10:00.123456+00:00', 'release job 7', '[]', false);
INSERT INTO prodstatus_claim_event VALUES (15, 4, 2, '2026-03-31 12:00:00.123456+00', 'INTENT', 'claimed; nothing has left', 'release job 7', '[]', false);
INSERT INTO prodstatus_claim_event VALUES (16, 5, 1, '2026-03-31 12:00:00.123456+00', 'PLANNED', 'paid order by the direct route for 17.90 USD, cap 25.00 USD, until 2026-03-31T12:10:00.123456+00:00', 'release job 7', '[]', false);
INSERT INTO prodstatus_claim_event VALUES (17, 5, 2, '2026-03-31 12:00:00.123456+00', 'INTENT', 'claimed; nothing has left', 'release job 7', '[]', false);
INSERT INTO prodstatus_claim_event VALUES (18, 5, 3, '2026-03-31 12:00:00.123456+00', 'SENT', '', 'release job 7', '[]', false);
INSERT INTO prodstatus_claim_event VALUES (19, 6, 1, '2026-03-31 12:00:00.123456+00', 'PLANNED', 'paid order by the direct route for 17.90 USD, cap 25.00 USD, until 2026-03-31T12:10:00.123456+00:00', 'release job 7', '[]', false);
INSERT INTO prodstatus_claim_event VALUES (20, 6, 2, '2026-03-31 12:00:00.123456+00', 'INTENT', 'claimed; nothing has left', 'release job 7', '[]', false);
INSERT INTO prodstatus_claim_event VALUES (21, 6, 3, '2026-03-31 12:00:00.123456+00', 'SENT', '', 'release job 7', '[]', false);
INSERT INTO prodstatus_claim_event VALUES (22, 6, 4, '2026-03-31 12:00:00.123456+00', 'UNKNOWN', 'the line was cut', 'release job 7', '[]', false);
INSERT INTO prodstatus_claim_event VALUES (23, 7, 1, '2026-03-31 12:00:00.123456+00', 'PLANNED', 'unpaid order by the direct route for 17.90 USD, cap 25.00 USD, until 2026-03-31T12:10:00.123456+00:00', 'release job 7', '[]', false);
INSERT INTO prodstatus_claim_event VALUES (24, 7, 2, '2026-03-31 12:00:00.123456+00', 'INTENT', 'claimed; nothing has left', 'release job 7', '[]', false);
INSERT INTO prodstatus_claim_event VALUES (25, 7, 3, '2026-03-31 12:00:00.123456+00', 'SENT', '', 'release job 7', '[]', false);
INSERT INTO prodstatus_claim_event VALUES (26, 7, 4, '2026-03-31 12:00:00.123456+00', 'CONFIRMED', 'ok', 'release job 7', '["5"]', false);
INSERT INTO prodstatus_claim_event VALUES (27, 8, 1, '2026-03-31 12:00:00.123456+00', 'PLANNED', 'paid order by the direct route for 17.90 USD, cap 25.00 USD, until 2026-03-31T12:10:00.123456+00:00', 'release job 7', '[]', false);
INSERT INTO prodstatus_claim_event VALUES (28, 8, 2, '2026-03-31 12:00:00.123456+00', 'INTENT', 'claimed; nothing has left', 'release job 7', '[]', false);
INSERT INTO prodstatus_claim_event VALUES (29, 8, 3, '2026-03-31 12:00:00.123456+00', 'REJECTED', 'expired before it was sent', 'release job 7', '[]', false);
INSERT INTO prodstatus_version VALUES ('1');
SELECT pg_catalog.setval('prodstatus_claim_event_id_seq', 29, true);
SELECT pg_catalog.setval('prodstatus_claim_id_seq', 8, true);
ALTER TABLE ONLY prodstatus_claim
    ADD CONSTRAINT prodstatus_claim_criterion_target_day_attempt_key UNIQUE (criterion, target, day, attempt);
ALTER TABLE ONLY prodstatus_claim
    ADD CONSTRAINT prodstatus_claim_criterion_target_link_key UNIQUE (criterion, target, link);
ALTER TABLE ONLY prodstatus_claim_event
    ADD CONSTRAINT prodstatus_claim_event_claim_id_ordinal_key UNIQUE (claim_id, ordinal);
ALTER TABLE ONLY prodstatus_claim_event
    ADD CONSTRAINT prodstatus_claim_event_pkey PRIMARY KEY (id);
ALTER TABLE ONLY prodstatus_claim
    ADD CONSTRAINT prodstatus_claim_out_order_id_key UNIQUE (out_order_id);
ALTER TABLE ONLY prodstatus_claim
    ADD CONSTRAINT prodstatus_claim_pkey PRIMARY KEY (id);
ALTER TABLE ONLY prodstatus_version
    ADD CONSTRAINT prodstatus_version_pkc PRIMARY KEY (version_num);
CREATE TRIGGER prodstatus_claim_append_only BEFORE DELETE OR UPDATE OR TRUNCATE ON prodstatus_claim FOR EACH STATEMENT EXECUTE FUNCTION prodstatus_append_only();
CREATE TRIGGER prodstatus_claim_event_append_only BEFORE DELETE OR UPDATE OR TRUNCATE ON prodstatus_claim_event FOR EACH STATEMENT EXECUTE FUNCTION prodstatus_append_only();
ALTER TABLE ONLY prodstatus_claim_event
    ADD CONSTRAINT prodstatus_claim_event_claim_id_fkey FOREIGN KEY (claim_id) REFERENCES prodstatus_claim(id);
