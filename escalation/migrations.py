"""The schema of escalations.db: each step is one transaction, and is never edited once it was released."""

from sqlite_utils import Database, Migrations

from orchestrator.store.migrations import execute_all

escalations = Migrations("escalations")


@escalations()
def m001_escalations(db: Database) -> None:
    """The columns up to `version`, and those of an intervention up to `answered_at`, are a contract."""
    execute_all(
        db,
        """
CREATE TABLE escalations (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    task_id INTEGER NOT NULL,
    title TEXT NOT NULL,
    reason TEXT NOT NULL,
    kind TEXT NOT NULL CHECK (kind IN ('approval', 'input', 'decision', 'escalation')),
    severity TEXT NOT NULL,
    status TEXT NOT NULL DEFAULT 'open' CHECK (status IN ('open', 'acknowledged', 'resolved')),
    owner TEXT NOT NULL DEFAULT '',
    snoozed_until TEXT,
    created_at TEXT NOT NULL,
    resolved_at TEXT,
    resolution TEXT NOT NULL DEFAULT '',
    version INTEGER NOT NULL DEFAULT 1,
    body TEXT NOT NULL DEFAULT '',
    acknowledged_at TEXT
);
CREATE UNIQUE INDEX one_open_escalation_per_task ON escalations(task_id) WHERE status != 'resolved';
CREATE INDEX escalations_by_created ON escalations(created_at);
CREATE TABLE interventions (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    escalation_id INTEGER REFERENCES escalations(id) ON DELETE CASCADE,
    kind TEXT NOT NULL CHECK (kind IN ('approval', 'input', 'decision', 'review', 'escalation')),
    question TEXT NOT NULL,
    plan TEXT,
    hash TEXT NOT NULL DEFAULT '',
    expires_at TEXT,
    status TEXT NOT NULL DEFAULT 'pending' CHECK (status IN ('pending', 'approved', 'rejected', 'answered', 'expired', 'withdrawn')),
    answer TEXT NOT NULL DEFAULT '',
    actor TEXT NOT NULL DEFAULT '',
    created_at TEXT NOT NULL,
    answered_at TEXT,
    task_id INTEGER NOT NULL,
    proposal TEXT,
    CHECK (escalation_id IS NOT NULL OR kind = 'review')
);
CREATE INDEX interventions_by_task ON interventions(task_id);
CREATE INDEX interventions_by_escalation ON interventions(escalation_id);
CREATE INDEX interventions_pending ON interventions(expires_at) WHERE status = 'pending';
CREATE TABLE notes (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    escalation_id INTEGER NOT NULL REFERENCES escalations(id) ON DELETE CASCADE,
    at TEXT NOT NULL,
    actor TEXT NOT NULL,
    text TEXT NOT NULL
);
CREATE INDEX notes_by_escalation ON notes(escalation_id);
""",
    )


@escalations()
def m002_consultations(db: Database) -> None:
    """What each expert said."""
    execute_all(
        db,
        """
CREATE TABLE agent_consultations (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    task_id INTEGER NOT NULL,
    escalation_id INTEGER REFERENCES escalations(id) ON DELETE SET NULL,
    round INTEGER NOT NULL,
    expert TEXT NOT NULL,
    backend TEXT NOT NULL,
    model TEXT NOT NULL,
    stance TEXT NOT NULL,
    plan TEXT NOT NULL,
    confidence REAL NOT NULL,
    reasoning TEXT NOT NULL,
    evidence_ids TEXT NOT NULL,
    tokens_in INTEGER NOT NULL,
    tokens_out INTEGER NOT NULL,
    seconds REAL NOT NULL,
    created_at TEXT NOT NULL
);
CREATE INDEX consultations_by_task ON agent_consultations(task_id);
CREATE INDEX consultations_by_created ON agent_consultations(created_at);
""",
    )


@escalations()
def m003_outbox(db: Database) -> None:
    """`sending` is on disk before the server is called, so that nobody takes a mail back that may be on its way.

    `summed` is a mail that a later one told together with others.
    """
    execute_all(
        db,
        """
CREATE TABLE outbox (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    escalation_id INTEGER REFERENCES escalations(id) ON DELETE CASCADE,
    kind TEXT NOT NULL CHECK (kind IN ('problem', 'question', 'note', 'reminder', 'recovery', 'summary', 'test')),
    message_id TEXT NOT NULL UNIQUE,
    subject TEXT NOT NULL,
    body TEXT NOT NULL,
    created_at TEXT NOT NULL,
    status TEXT NOT NULL DEFAULT 'waiting' CHECK (status IN ('waiting', 'sending', 'sent', 'summed', 'not sent')),
    next_at TEXT NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0,
    last_error TEXT NOT NULL DEFAULT '',
    sent_at TEXT,
    summary_id INTEGER REFERENCES outbox(id) ON DELETE SET NULL
);
CREATE INDEX outbox_to_go ON outbox(next_at) WHERE status IN ('waiting', 'sending');
CREATE INDEX outbox_by_escalation ON outbox(escalation_id);
""",
    )


@escalations()
def m004_views(db: Database) -> None:
    """What reached a person and how long that took; what people were asked and how they answered."""
    execute_all(
        db,
        """
CREATE VIEW v_handoffs AS
SELECT e.id AS escalation_id, e.task_id, e.title, e.severity, e.kind, e.reason, e.status, e.created_at,
       (SELECT COUNT(*) FROM agent_consultations AS c WHERE c.task_id = e.task_id) AS consulted,
       ROUND((julianday(e.acknowledged_at) - julianday(e.created_at)) * 86400, 1) AS seconds_to_ack,
       ROUND((julianday(e.resolved_at) - julianday(e.created_at)) * 86400, 1) AS seconds_to_resolve,
       e.resolution
FROM escalations AS e;
CREATE VIEW v_interventions AS
SELECT kind, status, COUNT(*) AS asked,
       ROUND(AVG((julianday(answered_at) - julianday(created_at)) * 86400), 1) AS mean_seconds_to_answer
FROM interventions GROUP BY kind, status;
""",
    )


@escalations()
def m005_mails(db: Database) -> None:
    """What is to be told, the mails that tell it, and the way of each mail to each channel.

    A telling is written with what it tells of. A mail is composed of those that are due together, and frozen. `outbox` has one
    row for each place that it goes to: `mail`, or `notify` and one of its URLs (by a digest: the URL itself is a secret).
    `trouble` of a row that did not go: it surely never got to the server (`unreached`), the server said no (`refused`), or nobody
    knows (`unsure`). `summed`: what it told went with a later mail. `told_at`: when the last mail about an escalation was composed.
    """
    execute_all(
        db,
        """
ALTER TABLE outbox RENAME TO outbox_before;
DROP INDEX outbox_to_go;
DROP INDEX outbox_by_escalation;
ALTER TABLE escalations ADD COLUMN told_at TEXT;
CREATE TABLE tellings (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    escalation_id INTEGER NOT NULL REFERENCES escalations(id) ON DELETE CASCADE,
    kind TEXT NOT NULL CHECK (kind IN ('problem', 'question', 'note', 'expired', 'reminder', 'recovery')),
    said TEXT NOT NULL,
    created_at TEXT NOT NULL,
    status TEXT NOT NULL DEFAULT 'waiting' CHECK (status IN ('waiting', 'told', 'not sent')),
    why TEXT NOT NULL DEFAULT ''
);
CREATE TABLE mails (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    kind TEXT NOT NULL CHECK (kind IN ('escalation', 'group', 'digest', 'test')),
    message_id TEXT NOT NULL UNIQUE,
    thread TEXT NOT NULL DEFAULT '',
    subject TEXT NOT NULL,
    body TEXT NOT NULL,
    html TEXT NOT NULL DEFAULT '',
    headers TEXT NOT NULL DEFAULT '{}',
    created_at TEXT NOT NULL,
    period TEXT UNIQUE
);
CREATE TABLE told (
    telling_id INTEGER NOT NULL REFERENCES tellings(id) ON DELETE CASCADE,
    mail_id INTEGER NOT NULL REFERENCES mails(id) ON DELETE CASCADE,
    PRIMARY KEY (telling_id, mail_id)
) WITHOUT ROWID;
CREATE TABLE outbox (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    mail_id INTEGER NOT NULL REFERENCES mails(id) ON DELETE CASCADE,
    channel TEXT NOT NULL CHECK (channel IN ('mail', 'notify')),
    place TEXT NOT NULL DEFAULT '',
    created_at TEXT NOT NULL,
    status TEXT NOT NULL DEFAULT 'waiting' CHECK (status IN ('waiting', 'sending', 'sent', 'summed', 'not sent')),
    next_at TEXT NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0,
    trouble TEXT NOT NULL DEFAULT '' CHECK (trouble IN ('', 'unreached', 'refused', 'unsure')),
    last_error TEXT NOT NULL DEFAULT '',
    sent_at TEXT
);
INSERT INTO tellings SELECT id, escalation_id, CASE WHEN kind = 'reminder' THEN 'expired' ELSE kind END, subject, created_at,
    CASE status WHEN 'waiting' THEN 'waiting' WHEN 'not sent' THEN 'not sent' ELSE 'told' END,
    CASE status WHEN 'not sent' THEN last_error ELSE '' END
    FROM outbox_before WHERE escalation_id IS NOT NULL;
INSERT INTO mails (id, kind, message_id, subject, body, created_at)
    SELECT id, CASE kind WHEN 'test' THEN 'test' WHEN 'summary' THEN 'group' ELSE 'escalation' END, message_id, subject, body, created_at
    FROM outbox_before WHERE status IN ('sent', 'sending') OR escalation_id IS NULL;
INSERT INTO told SELECT id, COALESCE(summary_id, id) FROM outbox_before
    WHERE escalation_id IS NOT NULL AND COALESCE(summary_id, id) IN (SELECT id FROM mails);
INSERT INTO outbox (mail_id, channel, created_at, status, next_at, attempts, trouble, last_error, sent_at)
    SELECT id, 'mail', created_at, status, next_at, attempts, CASE status WHEN 'sent' THEN '' ELSE 'unsure' END, last_error, sent_at
    FROM outbox_before WHERE id IN (SELECT id FROM mails);
UPDATE escalations SET told_at = (SELECT MAX(created_at) FROM tellings WHERE escalation_id = escalations.id AND status = 'told');
DROP TABLE outbox_before;
CREATE INDEX tellings_waiting ON tellings(created_at) WHERE status = 'waiting';
CREATE INDEX tellings_reminding ON tellings(created_at) WHERE kind = 'reminder';
CREATE INDEX tellings_by_escalation ON tellings(escalation_id);
CREATE INDEX told_by_mail ON told(mail_id);
CREATE INDEX mails_by_created ON mails(created_at);
CREATE INDEX mails_with_body ON mails(created_at) WHERE html != '';
CREATE INDEX outbox_to_go ON outbox(next_at) WHERE status IN ('waiting', 'sending');
CREATE INDEX outbox_by_mail ON outbox(mail_id);
CREATE INDEX escalations_to_remind ON escalations(COALESCE(told_at, created_at)) WHERE status = 'open';
CREATE VIEW v_mails AS
SELECT t.id, t.escalation_id, t.kind, t.said, t.created_at, o.status, o.channel, o.place, o.mail_id, m.subject, o.attempts, o.last_error,
       o.next_at, o.sent_at, (SELECT COUNT(*) FROM told WHERE mail_id = o.mail_id) AS told_together
FROM tellings AS t JOIN told ON told.telling_id = t.id JOIN outbox AS o ON o.mail_id = told.mail_id JOIN mails AS m ON m.id = o.mail_id
WHERE t.status = 'told' AND o.status != 'summed'
UNION ALL
SELECT id, escalation_id, kind, said, created_at, status, '', '', NULL, '', 0, why, NULL, NULL, 0 FROM tellings WHERE status != 'told';
""",
    )


@escalations()
def m006_acts(db: Database) -> None:
    """What people do: an acknowledgement ends, somebody looked, a plan was edited or chosen, and no click counts twice.

    `looked_at` is the first act of a person; resolved without one is healed, and nobody looked. `severity_by`: who said
    another severity than the fault has. `reminder`: reopened after its incident was over. `decided`: the plan that a person
    wrote or chose in place of the one that was asked about.
    """
    execute_all(
        db,
        """
ALTER TABLE escalations ADD COLUMN acknowledged_until TEXT;
ALTER TABLE escalations ADD COLUMN looked_at TEXT;
ALTER TABLE escalations ADD COLUMN looked_by TEXT NOT NULL DEFAULT '';
ALTER TABLE escalations ADD COLUMN fingerprint TEXT NOT NULL DEFAULT '';
ALTER TABLE escalations ADD COLUMN severity_by TEXT NOT NULL DEFAULT '';
ALTER TABLE escalations ADD COLUMN reminder INTEGER NOT NULL DEFAULT 0;
UPDATE escalations SET looked_at = resolved_at WHERE status = 'resolved';
CREATE INDEX escalations_nobody_looked ON escalations(id) WHERE status = 'resolved' AND looked_at IS NULL;
ALTER TABLE interventions ADD COLUMN options TEXT NOT NULL DEFAULT '[]';
ALTER TABLE interventions ADD COLUMN decided TEXT;
ALTER TABLE interventions ADD COLUMN decided_hash TEXT NOT NULL DEFAULT '';
CREATE TABLE answers (once TEXT PRIMARY KEY, at TEXT NOT NULL, answer TEXT NOT NULL);
CREATE INDEX answers_by_time ON answers(at);
""",
    )


@escalations()
def m007_doors(db: Database) -> None:
    """Links and sessions of people, tokens of programs: digests, never the secrets themselves."""
    execute_all(
        db,
        """
CREATE TABLE door_links (hash TEXT PRIMARY KEY, actor TEXT NOT NULL, expires_at TEXT NOT NULL);
CREATE TABLE door_sessions (hash TEXT PRIMARY KEY, actor TEXT NOT NULL, created_at TEXT NOT NULL, seen_at TEXT NOT NULL);
CREATE TABLE door_tokens (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL,
    right TEXT NOT NULL CHECK (right IN ('read', 'write', 'alerts')),
    hash TEXT NOT NULL UNIQUE,
    made_by TEXT NOT NULL,
    created_at TEXT NOT NULL,
    used_at TEXT,
    revoked_at TEXT
);
""",
    )


@escalations()
def m008_reading(db: Database) -> None:
    """What lists, numbers, the search and retention read: 46 MB more where 100,000 escalations take 960.

    Measured so: a list in 8 ms instead of 190, a hand-over in 1 instead of 17; and a sweep of the retention, which removed 200
    escalations in 46 s, since each row that went asked all others whether they refer to it, in 34 ms.

    `check_name` and `target` are the incident's as it was handed over: it may be removed before its escalation is.
    """
    execute_all(
        db,
        """
ALTER TABLE escalations ADD COLUMN check_name TEXT NOT NULL DEFAULT '';
ALTER TABLE escalations ADD COLUMN target TEXT NOT NULL DEFAULT '';
ALTER TABLE escalations ADD COLUMN updated_at TEXT NOT NULL DEFAULT '';
UPDATE escalations SET updated_at = COALESCE(resolved_at, acknowledged_at, created_at);
CREATE INDEX escalations_listed
    ON escalations(status, id, severity, check_name, target, owner, snoozed_until, looked_at, updated_at, title, reason);
CREATE INDEX escalations_by_task ON escalations(task_id);
CREATE INDEX escalations_by_resolved ON escalations(resolved_at) WHERE resolved_at IS NOT NULL;
CREATE INDEX consultations_by_escalation ON agent_consultations(escalation_id, created_at);
DROP INDEX consultations_by_created;
CREATE INDEX consultations_in_numbers ON agent_consultations(created_at, tokens_in, tokens_out);
CREATE INDEX interventions_in_numbers ON interventions(created_at, kind, status, answered_at);
CREATE INDEX interventions_to_review ON interventions(id) WHERE status = 'pending' AND kind = 'review';
""",
    )


@escalations()
def m009_tallies(db: Database) -> None:
    """Counts that only ever grow, as in tasks.db: escalations by severity, answers by kind, and how long people took for them."""
    seconds = "(julianday(answered_at) - julianday(created_at)) * 86400"
    slot = """CASE WHEN s <= 15 THEN '15' WHEN s <= 60 THEN '60' WHEN s <= 300 THEN '300' WHEN s <= 900 THEN '900'
        WHEN s <= 3600 THEN '3600' WHEN s <= 14400 THEN '14400' WHEN s <= 86400 THEN '86400' ELSE '+Inf' END"""
    took = f"(SELECT {seconds.replace('julianday(', 'julianday(NEW.')} AS s)"
    execute_all(
        db,
        f"""
CREATE TABLE tallies (name TEXT NOT NULL, a TEXT NOT NULL, b TEXT NOT NULL, n REAL NOT NULL, PRIMARY KEY (name, a, b)) WITHOUT ROWID;
INSERT INTO tallies SELECT 'escalations', severity, '', COUNT(*) FROM escalations GROUP BY 2;
INSERT INTO tallies SELECT 'interventions', kind, status, COUNT(*) FROM interventions WHERE status != 'pending' GROUP BY 2, 3;
INSERT INTO tallies SELECT 'wait', kind, {slot}, COUNT(*)
    FROM (SELECT kind, {seconds} AS s FROM interventions WHERE status IN ('approved', 'rejected', 'answered')) GROUP BY 2, 3;
INSERT INTO tallies SELECT 'wait_sum', kind, '', SUM({seconds})
    FROM interventions WHERE status IN ('approved', 'rejected', 'answered') GROUP BY 2;
CREATE TRIGGER tally_escalation AFTER INSERT ON escalations BEGIN
    INSERT INTO tallies VALUES ('escalations', NEW.severity, '', 1) ON CONFLICT DO UPDATE SET n = n + 1; END;
CREATE TRIGGER tally_answer AFTER UPDATE OF status ON interventions WHEN OLD.status = 'pending' AND NEW.status != 'pending' BEGIN
    INSERT INTO tallies VALUES ('interventions', NEW.kind, NEW.status, 1) ON CONFLICT DO UPDATE SET n = n + 1; END;
CREATE TRIGGER tally_wait AFTER UPDATE OF status ON interventions
WHEN OLD.status = 'pending' AND NEW.status IN ('approved', 'rejected', 'answered') AND NEW.answered_at IS NOT NULL BEGIN
    INSERT INTO tallies SELECT 'wait', NEW.kind, {slot}, 1 FROM {took} WHERE 1 ON CONFLICT DO UPDATE SET n = n + 1; END;
CREATE TRIGGER tally_wait_seconds AFTER UPDATE OF status ON interventions
WHEN OLD.status = 'pending' AND NEW.status IN ('approved', 'rejected', 'answered') AND NEW.answered_at IS NOT NULL BEGIN
    INSERT INTO tallies SELECT 'wait_sum', NEW.kind, '', s FROM {took} WHERE 1 ON CONFLICT DO UPDATE SET n = n + excluded.n; END;
""",  # noqa: S608  # constants of this function
    )


@escalations()
def m010_notes(db: Database) -> None:
    """`act`: what was done when the note was written; empty where it is words alone."""
    execute_all(db, "ALTER TABLE notes ADD COLUMN act TEXT NOT NULL DEFAULT ''")


@escalations()
def m011_mail_tallies(db: Database) -> None:
    """Counts that only ever grow, as above: what became of each try to send, and what was not told and why, in few words."""
    reason = """CASE WHEN NEW.why LIKE 'it was healed %' THEN 'healed' WHEN NEW.why LIKE 'it was over %' THEN 'over'
        WHEN NEW.why LIKE 'it was opened again %' THEN 'reopened' WHEN NEW.why LIKE 'somebody took it %' THEN 'taken'
        WHEN NEW.why LIKE 'mail is off %' THEN 'off' ELSE 'other' END"""
    result = "CASE NEW.status WHEN 'sent' THEN 'sent' WHEN 'not sent' THEN 'not_sent' ELSE NEW.trouble END"
    execute_all(
        db,
        f"""
INSERT INTO tallies SELECT 'notifications', CASE status WHEN 'sent' THEN 'sent' ELSE 'not_sent' END, '', COUNT(*)
    FROM outbox WHERE status IN ('sent', 'not sent') GROUP BY 2;
INSERT INTO tallies SELECT 'suppressed', {reason.replace("NEW.", "")}, '', COUNT(*) FROM tellings WHERE status = 'not sent' GROUP BY 2;
CREATE TRIGGER tally_mail AFTER UPDATE OF status ON outbox
WHEN (NEW.status IN ('sent', 'not sent') AND OLD.status != NEW.status) OR (NEW.status = 'waiting' AND NEW.trouble != '') BEGIN
    INSERT INTO tallies VALUES ('notifications', {result}, '', 1) ON CONFLICT DO UPDATE SET n = n + 1; END;
CREATE TRIGGER tally_unsaid AFTER UPDATE OF status ON tellings WHEN NEW.status = 'not sent' AND OLD.status != 'not sent' BEGIN
    INSERT INTO tallies VALUES ('suppressed', {reason}, '', 1) ON CONFLICT DO UPDATE SET n = n + 1; END;
CREATE TRIGGER tally_unsaid_at_once AFTER INSERT ON tellings WHEN NEW.status = 'not sent' BEGIN
    INSERT INTO tallies VALUES ('suppressed', {reason}, '', 1) ON CONFLICT DO UPDATE SET n = n + 1; END;
""",  # noqa: S608  # constants of this function
    )


@escalations()
def m011_reading(db: Database) -> None:
    """How many of each status since when is answered by the index alone: 1 ms instead of 65 with 100,000 escalations."""
    execute_all(
        db,
        """
DROP INDEX escalations_by_created;
CREATE INDEX escalations_in_numbers ON escalations(created_at, status);
""",
    )


@escalations()
def m012_money(db: Database) -> None:
    """What a vote cost, in dollars."""
    execute_all(db, "ALTER TABLE agent_consultations ADD COLUMN dollars REAL NOT NULL DEFAULT 0;")


@escalations()
def m013_handoffs(db: Database) -> None:
    """What a phase passed on to the next or to a person, and how that ended; whether what an expert proposed proved right.

    `from_phase` is NULL where an earlier version handed over. `ended` is NULL while the next one is at it. `proved`: what an
    ending said of an expert's word, as in `expert_memory`; empty where none did.
    """
    ended = """CASE WHEN {0}.status != 'resolved' THEN NULL WHEN {0}.resolution LIKE 'healed:%' THEN 'healed'
        WHEN {0}.resolution LIKE 'it went away%' THEN 'went away' ELSE 'a person' END"""
    execute_all(
        db,
        f"""
CREATE TABLE handoffs (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    task_id INTEGER NOT NULL,
    escalation_id INTEGER UNIQUE REFERENCES escalations(id) ON DELETE CASCADE,
    from_phase INTEGER,
    to_phase INTEGER NOT NULL,
    reason TEXT NOT NULL,
    seen TEXT NOT NULL DEFAULT '[]',
    tried TEXT NOT NULL DEFAULT '[]',
    ruled_out TEXT NOT NULL DEFAULT '[]',
    open_questions TEXT NOT NULL DEFAULT '[]',
    created_at TEXT NOT NULL,
    ended TEXT CHECK (ended IN ('healed', 'passed on', 'a person', 'went away')),
    ended_at TEXT
);
INSERT INTO handoffs (task_id, escalation_id, to_phase, reason, created_at, ended, ended_at)
    SELECT task_id, id, 4, reason, created_at, {ended.format("escalations")}, resolved_at FROM escalations;
CREATE INDEX handoffs_of_task ON handoffs(task_id);
CREATE INDEX handoffs_under_way ON handoffs(task_id) WHERE ended IS NULL AND to_phase < 4;
CREATE INDEX handoffs_in_numbers ON handoffs(created_at, from_phase, to_phase, ended);
CREATE TRIGGER handoff_ended AFTER UPDATE OF status ON escalations
WHEN NEW.status != OLD.status AND 'resolved' IN (NEW.status, OLD.status) BEGIN
    UPDATE handoffs SET ended = {ended.format("NEW")}, ended_at = NEW.resolved_at WHERE escalation_id = NEW.id; END;
DROP VIEW v_handoffs;
CREATE VIEW v_handoffs AS
SELECT h.id, h.escalation_id, h.task_id, h.from_phase, h.to_phase, h.ended, e.title, e.severity, e.kind,
       COALESCE(e.reason, h.reason) AS reason, e.status, h.created_at, h.ended_at,
       (SELECT COUNT(*) FROM agent_consultations AS c WHERE c.task_id = h.task_id) AS consulted,
       ROUND((julianday(e.acknowledged_at) - julianday(e.created_at)) * 86400, 1) AS seconds_to_ack,
       ROUND((julianday(e.resolved_at) - julianday(e.created_at)) * 86400, 1) AS seconds_to_resolve,
       e.resolution, h.seen, h.tried, h.ruled_out, h.open_questions
FROM handoffs AS h LEFT JOIN escalations AS e ON e.id = h.escalation_id;
ALTER TABLE agent_consultations ADD COLUMN proved TEXT NOT NULL DEFAULT '';
DROP INDEX consultations_in_numbers;
CREATE INDEX consultations_in_numbers
    ON agent_consultations(created_at, expert, stance, backend, model, proved, tokens_in, tokens_out, dollars, seconds);
""",  # noqa: S608  # constants of this function
    )


@escalations()
def m014_in_place_of(db: Database) -> None:
    """Whose vote it was that somebody else had to give."""
    execute_all(
        db,
        """
ALTER TABLE agent_consultations ADD COLUMN in_place_of TEXT NOT NULL DEFAULT '';
CREATE INDEX consultations_in_place ON agent_consultations(created_at, in_place_of) WHERE in_place_of != '';
""",
    )
