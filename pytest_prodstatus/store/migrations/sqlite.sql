CREATE TABLE prodstatus_version (
version_num VARCHAR(32) NOT NULL,
CONSTRAINT prodstatus_version_pkc PRIMARY KEY (version_num)
)

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

CREATE TABLE prodstatus_action (
id INTEGER NOT NULL,
chain TEXT NOT NULL,
link INTEGER NOT NULL,
criterion TEXT NOT NULL,
project TEXT NOT NULL,
target TEXT NOT NULL,
period TEXT NOT NULL,
"key" TEXT NOT NULL,
attempt INTEGER NOT NULL,
payload_digest TEXT NOT NULL,
armed_by TEXT NOT NULL,
expires_at DATETIME NOT NULL,
limits TEXT NOT NULL,
details TEXT NOT NULL,
PRIMARY KEY (id),
UNIQUE (chain, link),
UNIQUE (chain, period, "key", attempt)
)

CREATE TABLE prodstatus_action_event (
id INTEGER NOT NULL,
action_id INTEGER NOT NULL,
ordinal INTEGER NOT NULL,
at DATETIME NOT NULL,
state TEXT NOT NULL,
note TEXT NOT NULL,
who TEXT NOT NULL,
receipts TEXT NOT NULL,
resolution BOOLEAN NOT NULL,
PRIMARY KEY (id),
UNIQUE (action_id, ordinal),
FOREIGN KEY(action_id) REFERENCES prodstatus_action (id)
)

CREATE TRIGGER prodstatus_action_no_UPDATE BEFORE UPDATE ON prodstatus_action BEGIN SELECT RAISE(ABORT, 'the journal is append-only'); END

CREATE TRIGGER prodstatus_action_no_DELETE BEFORE DELETE ON prodstatus_action BEGIN SELECT RAISE(ABORT, 'the journal is append-only'); END

CREATE TRIGGER prodstatus_action_event_no_UPDATE BEFORE UPDATE ON prodstatus_action_event BEGIN SELECT RAISE(ABORT, 'the journal is append-only'); END

CREATE TRIGGER prodstatus_action_event_no_DELETE BEFORE DELETE ON prodstatus_action_event BEGIN SELECT RAISE(ABORT, 'the journal is append-only'); END

CREATE TABLE prodstatus_archive (
run_id INTEGER NOT NULL,
name TEXT NOT NULL,
content BLOB NOT NULL,
PRIMARY KEY (run_id, name),
FOREIGN KEY(run_id) REFERENCES prodstatus_run (id) ON DELETE CASCADE
)

CREATE TABLE prodstatus_notified (
project TEXT NOT NULL,
target TEXT NOT NULL,
topic TEXT NOT NULL,
value TEXT NOT NULL,
PRIMARY KEY (project, target, topic)
)

INSERT INTO prodstatus_version (version_num) VALUES ('5')
