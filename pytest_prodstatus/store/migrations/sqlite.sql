CREATE TABLE prodstatus_version (
version_num VARCHAR(32) NOT NULL,
CONSTRAINT prodstatus_version_pkc PRIMARY KEY (version_num)
)

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
)

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
)

CREATE TRIGGER prodstatus_claim_no_UPDATE BEFORE UPDATE ON prodstatus_claim BEGIN SELECT RAISE(ABORT, 'the journal is append-only'); END

CREATE TRIGGER prodstatus_claim_no_DELETE BEFORE DELETE ON prodstatus_claim BEGIN SELECT RAISE(ABORT, 'the journal is append-only'); END

CREATE TRIGGER prodstatus_claim_event_no_UPDATE BEFORE UPDATE ON prodstatus_claim_event BEGIN SELECT RAISE(ABORT, 'the journal is append-only'); END

CREATE TRIGGER prodstatus_claim_event_no_DELETE BEFORE DELETE ON prodstatus_claim_event BEGIN SELECT RAISE(ABORT, 'the journal is append-only'); END

CREATE TABLE prodstatus_run (
id INTEGER NOT NULL,
project TEXT NOT NULL,
target TEXT NOT NULL,
run TEXT NOT NULL,
started DATETIME NOT NULL,
finished DATETIME NOT NULL,
final TEXT NOT NULL,
gate_open BOOLEAN NOT NULL,
complete BOOLEAN NOT NULL,
partial BOOLEAN NOT NULL,
selection TEXT,
suite_commit TEXT,
suite_dirty BOOLEAN,
subject_release TEXT,
catalogue TEXT NOT NULL,
versions TEXT NOT NULL,
stages TEXT NOT NULL,
causes TEXT NOT NULL,
PRIMARY KEY (id),
UNIQUE (project, target, run)
)

CREATE INDEX prodstatus_run_by_time ON prodstatus_run (project, target, started, run)

CREATE TABLE prodstatus_run_criterion (
run_id INTEGER NOT NULL,
criterion TEXT NOT NULL,
stage TEXT NOT NULL,
verdict TEXT NOT NULL,
kind TEXT,
reason TEXT,
flaky BOOLEAN NOT NULL,
PRIMARY KEY (run_id, criterion),
FOREIGN KEY(run_id) REFERENCES prodstatus_run (id) ON DELETE CASCADE
)

CREATE TABLE prodstatus_flip (
project TEXT NOT NULL,
target TEXT NOT NULL,
stage TEXT NOT NULL,
started DATETIME NOT NULL,
run TEXT NOT NULL,
verdict TEXT NOT NULL,
previous TEXT,
PRIMARY KEY (project, target, stage, started, run)
)

CREATE INDEX prodstatus_flip_by_previous ON prodstatus_flip (project, target, stage, previous, started, run)

CREATE TABLE prodstatus_override (
id INTEGER NOT NULL,
project TEXT NOT NULL,
target TEXT NOT NULL,
reason TEXT NOT NULL,
who TEXT NOT NULL,
since DATETIME NOT NULL,
until DATETIME NOT NULL,
PRIMARY KEY (id)
)

CREATE INDEX prodstatus_override_by_end ON prodstatus_override (project, target, until)

CREATE TRIGGER prodstatus_override_no_UPDATE BEFORE UPDATE ON prodstatus_override BEGIN SELECT RAISE(ABORT, 'the list of overrides is append-only'); END

CREATE TRIGGER prodstatus_override_no_DELETE BEFORE DELETE ON prodstatus_override BEGIN SELECT RAISE(ABORT, 'the list of overrides is append-only'); END

INSERT INTO prodstatus_version (version_num) VALUES ('2')
