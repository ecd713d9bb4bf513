"""The schema of tasks.db: each step is one transaction, and is never edited once it was released."""

from sqlite_utils import Database, Migrations

tasks = Migrations("tasks")


def execute_all(db: Database, script: str) -> None:
    """Each statement of `script`, inside the transaction that the step runs in."""
    for statement in script.split(";\n"):
        if statement.strip():
            db.conn.execute(statement)


@tasks()
def m001_incidents(db: Database) -> None:
    """Columns up to `resolved_at` are a contract with people's own queries; those after it are the daemon's.

    `detected_at` is the first opening, `opened_at` the latest: a relapse opens the same row again. `retried_at`: when a person
    asked in this opening that it be tried anew.
    """
    execute_all(
        db,
        """
CREATE TABLE tasks (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    root_id INTEGER REFERENCES tasks(id) ON DELETE SET NULL,
    fingerprint TEXT NOT NULL,
    check_name TEXT NOT NULL,
    target TEXT NOT NULL,
    title TEXT NOT NULL,
    severity TEXT NOT NULL,
    status TEXT NOT NULL CHECK (status IN ('open', 'healing', 'waiting', 'fixed', 'escalated', 'cleared', 'dismissed', 'merged')),
    phase INTEGER NOT NULL DEFAULT 1 CHECK (phase BETWEEN 1 AND 4),
    fix_successful INTEGER CHECK (fix_successful IN (0, 1)),
    occurrences INTEGER NOT NULL DEFAULT 1,
    detected_at TEXT NOT NULL,
    started_at TEXT,
    resolved_at TEXT,
    key TEXT NOT NULL,
    fault TEXT NOT NULL,
    opened_at TEXT NOT NULL,
    retried_at TEXT,
    scope TEXT,
    handoffs TEXT NOT NULL DEFAULT '[]',
    approved TEXT,
    next_at TEXT,
    waiting_for TEXT NOT NULL DEFAULT '',
    last_seen TEXT NOT NULL,
    seen INTEGER NOT NULL DEFAULT 1,
    absent_since TEXT,
    relapses INTEGER NOT NULL DEFAULT 0,
    resolution TEXT NOT NULL DEFAULT ''
);
CREATE UNIQUE INDEX one_live_row_per_key ON tasks(key) WHERE resolved_at IS NULL;
CREATE INDEX tasks_by_key ON tasks(key, id);
CREATE INDEX tasks_by_root ON tasks(root_id) WHERE root_id IS NOT NULL;
CREATE INDEX tasks_by_detected ON tasks(detected_at);
CREATE INDEX tasks_by_resolved ON tasks(resolved_at);
CREATE TABLE checks (
    name TEXT PRIMARY KEY,
    state TEXT NOT NULL CHECK (state IN ('ok', 'fault', 'blind')),
    detail TEXT NOT NULL DEFAULT '',
    looked_at TEXT NOT NULL,
    changed_at TEXT NOT NULL,
    blind_count INTEGER NOT NULL DEFAULT 0
);
""",
    )


@tasks()
def m002_attempts(db: Database) -> None:
    """`key` and `signature` (the fingerprint) are those of the row when the attempt began: progress changes both."""
    execute_all(
        db,
        """
CREATE TABLE attempts (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    task_id INTEGER NOT NULL REFERENCES tasks(id) ON DELETE CASCADE,
    phase INTEGER NOT NULL,
    proposer TEXT NOT NULL,
    plan TEXT NOT NULL,
    verdict TEXT NOT NULL CHECK (verdict IN ('allow', 'ask', 'deny')),
    rule TEXT NOT NULL,
    executed INTEGER NOT NULL DEFAULT 0 CHECK (executed IN (0, 1)),
    outcome TEXT,
    began_at TEXT NOT NULL,
    ended_at TEXT,
    key TEXT NOT NULL,
    signature TEXT NOT NULL,
    hash TEXT NOT NULL,
    cause TEXT NOT NULL,
    origin TEXT NOT NULL DEFAULT '',
    evidence_ids TEXT NOT NULL DEFAULT '[]',
    reason TEXT NOT NULL DEFAULT '',
    detail TEXT NOT NULL DEFAULT '',
    ready_by TEXT,
    clean_since TEXT
);
CREATE INDEX attempts_by_task ON attempts(task_id);
CREATE INDEX attempts_under_way ON attempts(task_id) WHERE outcome IS NULL;
CREATE TABLE changes (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    attempt_id INTEGER NOT NULL REFERENCES attempts(id) ON DELETE CASCADE,
    n INTEGER NOT NULL,
    action TEXT NOT NULL,
    before TEXT NOT NULL,
    begun_at TEXT NOT NULL,
    done_at TEXT,
    undone_at TEXT
);
CREATE INDEX changes_by_attempt ON changes(attempt_id);
CREATE INDEX changes_by_time ON changes(begun_at);
CREATE TABLE evidence (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    task_id INTEGER NOT NULL REFERENCES tasks(id) ON DELETE CASCADE,
    source TEXT NOT NULL,
    text TEXT NOT NULL,
    facts TEXT NOT NULL DEFAULT '{}',
    at TEXT NOT NULL
);
CREATE INDEX evidence_by_task ON evidence(task_id);
""",
    )


@tasks()
def m003_patterns(db: Database) -> None:
    """`said_by`: the person whose word on the stage holds until the next loss or relapse."""
    execute_all(
        db,
        """
CREATE TABLE patterns (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    signature TEXT NOT NULL,
    plan TEXT NOT NULL,
    stage TEXT NOT NULL CHECK (stage IN ('probation', 'trusted', 'demoted')),
    wins INTEGER NOT NULL DEFAULT 0,
    losses INTEGER NOT NULL DEFAULT 0,
    relapses INTEGER NOT NULL DEFAULT 0,
    origin TEXT NOT NULL,
    created_at TEXT NOT NULL,
    hash TEXT NOT NULL,
    said_by TEXT NOT NULL DEFAULT '',
    credited_at TEXT,
    UNIQUE (signature, hash)
);
""",
    )


@tasks()
def m004_people(db: Database) -> None:
    """`taken_by` names the run of the daemon that took a click: one that died before it answered leaves it to the next."""
    execute_all(
        db,
        """
CREATE TABLE inbox (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    at TEXT NOT NULL,
    actor TEXT NOT NULL,
    verb TEXT NOT NULL,
    args TEXT NOT NULL,
    taken_at TEXT,
    taken_by TEXT,
    result TEXT,
    answered_at TEXT
);
CREATE INDEX inbox_unanswered ON inbox(id) WHERE answered_at IS NULL;
CREATE TABLE windows (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    service TEXT NOT NULL,
    reason TEXT NOT NULL,
    actor TEXT NOT NULL,
    begun_at TEXT NOT NULL,
    until TEXT NOT NULL,
    ended_by TEXT
);
CREATE TABLE baseline (id INTEGER PRIMARY KEY CHECK (id = 1), data TEXT NOT NULL, saved_at TEXT NOT NULL);
CREATE TABLE audit (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    at TEXT NOT NULL,
    actor TEXT NOT NULL,
    what TEXT NOT NULL,
    detail TEXT NOT NULL
);
CREATE TABLE daemon (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    tick_at TEXT NOT NULL,
    pid INTEGER NOT NULL,
    version TEXT NOT NULL,
    started_at TEXT NOT NULL,
    summary TEXT NOT NULL
);
""",
    )


@tasks()
def m005_views(db: Database) -> None:
    """What was healed, how fast, and what was learned. An incident counts once it ended one way or the other."""
    execute_all(
        db,
        """
CREATE VIEW v_success_by_phase AS
SELECT phase, COUNT(*) AS ended, SUM(fix_successful) AS fixed, ROUND(100.0 * SUM(fix_successful) / COUNT(*), 1) AS fix_rate
FROM tasks WHERE fix_successful IS NOT NULL GROUP BY phase;
CREATE VIEW v_mttr AS
SELECT check_name, COUNT(*) AS fixed,
       ROUND(AVG((julianday(resolved_at) - julianday(opened_at)) * 86400), 1) AS mean_seconds,
       ROUND(MAX((julianday(resolved_at) - julianday(opened_at)) * 86400), 1) AS longest_seconds
FROM tasks WHERE status = 'fixed' AND resolved_at IS NOT NULL GROUP BY check_name;
CREATE VIEW v_patterns_per_week AS
SELECT strftime('%Y-W%W', created_at) AS week, COUNT(*) AS learned, SUM(stage = 'trusted') AS trusted, SUM(stage = 'demoted') AS demoted
FROM patterns GROUP BY week;
""",
    )


@tasks()
def m006_marks(db: Database) -> None:
    """What the trusted evidence of an incident was when a person got it, and how often it was tried anew because that changed."""
    execute_all(
        db,
        """
CREATE TABLE marks (
    task_id INTEGER PRIMARY KEY REFERENCES tasks(id) ON DELETE CASCADE,
    mark TEXT NOT NULL,
    again INTEGER NOT NULL DEFAULT 0,
    at TEXT NOT NULL
);
""",
    )


@tasks()
def m007_acts(db: Database) -> None:
    """Windows that are planned, or silence one fault; the same click twice is one row; alerts that others raise.

    `key`: `check:target` of the one fault that a window silences. `once`: the caller's own name for a click. `click_id`:
    what opened the window, so that a click that comes again after a death opens no second one.
    """
    execute_all(
        db,
        """
ALTER TABLE windows ADD COLUMN begins_at TEXT NOT NULL DEFAULT '';
ALTER TABLE windows ADD COLUMN key TEXT NOT NULL DEFAULT '';
ALTER TABLE windows ADD COLUMN ended_at TEXT;
ALTER TABLE windows ADD COLUMN click_id INTEGER;
UPDATE windows SET begins_at = begun_at;
CREATE UNIQUE INDEX windows_by_click ON windows(click_id) WHERE click_id IS NOT NULL;
CREATE INDEX windows_by_end ON windows(until) WHERE ended_by IS NULL;
ALTER TABLE inbox ADD COLUMN once TEXT;
CREATE UNIQUE INDEX inbox_once ON inbox(once) WHERE once IS NOT NULL;
CREATE TABLE alerts (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    key TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL,
    target TEXT NOT NULL,
    summary TEXT NOT NULL,
    severity TEXT NOT NULL,
    source TEXT NOT NULL,
    starts_at TEXT NOT NULL,
    seen_at TEXT NOT NULL,
    ended_at TEXT
);
CREATE INDEX alerts_firing ON alerts(seen_at) WHERE ended_at IS NULL;
CREATE INDEX alerts_ended ON alerts(ended_at) WHERE ended_at IS NOT NULL;
""",
    )


@tasks()
def m008_reading(db: Database) -> None:
    """What lists, numbers and the search read, so that none of them looks at every row's text.

    Measured with 200,000 incidents, 250,000 attempts and 1,000,000 observations (scripts/bench dashboard), 1.2 GB before:
    - `tasks_listed`, 32 MB: a page and its tabs in 14 ms instead of 160, a search in 48 instead of 1,320, each filter alike.
      LIKE over an index beat FTS5, whose triggers this connection refuses (a schema is not trusted), and whose common words
      took 72 ms.
    - `tasks_in_numbers`, 12 MB in place of `tasks_by_detected` with 7: the score of 30 days in 7 ms.
    - `tasks_alike`, 7 MB: similar incidents and a plan's preview in 1 ms instead of 13 and 70.
    - `attempts_by_end`, 10 MB: what was repaired a moment ago. Each look of each check asks that, and took 35 ms for it.

    What they cost a write is lost in what its commit costs (an attempt's end 0.2 ms, an incident's 0.3, before and after); an
    incident from its opening to its healing takes 5.6 ms instead of 37. The generated columns take room in the indexes alone.
    """
    execute_all(
        db,
        """
ALTER TABLE tasks ADD COLUMN reason TEXT NOT NULL DEFAULT '';
UPDATE tasks SET reason = COALESCE(json_extract(fault, '$.reason'), '') WHERE json_valid(fault);
ALTER TABLE tasks ADD COLUMN seconds REAL
    GENERATED ALWAYS AS (ROUND((julianday(resolved_at) - julianday(opened_at)) * 86400, 3)) VIRTUAL;
ALTER TABLE tasks ADD COLUMN changed_at TEXT GENERATED ALWAYS AS (MAX(opened_at, COALESCE(resolved_at, ''))) VIRTUAL;
CREATE INDEX tasks_listed ON tasks(status, id, severity, check_name, target, phase, changed_at, reason, title);
DROP INDEX tasks_by_detected;
CREATE INDEX tasks_in_numbers ON tasks(detected_at, status, phase, fix_successful, check_name, seconds, relapses);
CREATE INDEX tasks_alike ON tasks(fingerprint, id, status);
CREATE INDEX attempts_by_end ON attempts(ended_at, outcome, executed);
DROP VIEW v_mttr;
CREATE VIEW v_mttr AS
SELECT check_name, COUNT(*) AS fixed, ROUND(AVG(seconds), 1) AS mean_seconds, ROUND(MAX(seconds), 1) AS longest_seconds
FROM tasks WHERE status = 'fixed' AND resolved_at IS NOT NULL GROUP BY check_name;
""",
    )


@tasks()
def m009_tallies(db: Database) -> None:
    """Counts that only ever grow, for those who draw rates: rows come, change and are removed by age, a tally of them stays.

    Kept by triggers, in the very transaction that they count. `a` and `b` are what a count is of: few words each, never a target.
    A trigger's statement ends in `; END`, so that `execute_all` leaves it whole.
    """
    seconds = "(julianday(resolved_at) - julianday(opened_at)) * 86400"
    slot = """CASE WHEN s <= 1 THEN '1' WHEN s <= 5 THEN '5' WHEN s <= 15 THEN '15' WHEN s <= 60 THEN '60' WHEN s <= 300 THEN '300'
        WHEN s <= 900 THEN '900' WHEN s <= 3600 THEN '3600' WHEN s <= 14400 THEN '14400' WHEN s <= 86400 THEN '86400' ELSE '+Inf' END"""
    took = f"(SELECT {seconds.replace('julianday(', 'julianday(NEW.')} AS s)"
    execute_all(
        db,
        f"""
CREATE TABLE tallies (name TEXT NOT NULL, a TEXT NOT NULL, b TEXT NOT NULL, n REAL NOT NULL, PRIMARY KEY (name, a, b)) WITHOUT ROWID;
INSERT INTO tallies SELECT 'incidents', check_name, severity, COUNT(*) FROM tasks WHERE status != 'merged' GROUP BY 2, 3;
INSERT INTO tallies SELECT 'relapses', check_name, '', SUM(relapses) FROM tasks WHERE relapses > 0 GROUP BY 2;
INSERT INTO tallies SELECT 'attempts', phase, outcome, COUNT(*) FROM attempts WHERE outcome IS NOT NULL GROUP BY 2, 3;
INSERT INTO tallies SELECT 'seconds', status, {slot}, COUNT(*)
    FROM (SELECT status, {seconds} AS s FROM tasks WHERE resolved_at IS NOT NULL AND status != 'merged') GROUP BY 2, 3;
INSERT INTO tallies SELECT 'seconds_sum', status, '', SUM({seconds})
    FROM tasks WHERE resolved_at IS NOT NULL AND status != 'merged' GROUP BY 2;
CREATE TRIGGER tally_incident AFTER INSERT ON tasks WHEN NEW.status != 'merged' BEGIN
    INSERT INTO tallies VALUES ('incidents', NEW.check_name, NEW.severity, 1) ON CONFLICT DO UPDATE SET n = n + 1; END;
CREATE TRIGGER tally_symptom AFTER UPDATE OF status ON tasks WHEN OLD.status = 'merged' AND NEW.status != 'merged' BEGIN
    INSERT INTO tallies VALUES ('incidents', NEW.check_name, NEW.severity, 1) ON CONFLICT DO UPDATE SET n = n + 1; END;
CREATE TRIGGER tally_relapse AFTER UPDATE OF relapses ON tasks WHEN NEW.relapses > OLD.relapses BEGIN
    INSERT INTO tallies VALUES ('relapses', NEW.check_name, '', 1) ON CONFLICT DO UPDATE SET n = n + 1; END;
CREATE TRIGGER tally_attempt AFTER UPDATE OF outcome ON attempts WHEN OLD.outcome IS NULL AND NEW.outcome IS NOT NULL BEGIN
    INSERT INTO tallies VALUES ('attempts', NEW.phase, NEW.outcome, 1) ON CONFLICT DO UPDATE SET n = n + 1; END;
CREATE TRIGGER tally_attempt_at_once AFTER INSERT ON attempts WHEN NEW.outcome IS NOT NULL BEGIN
    INSERT INTO tallies VALUES ('attempts', NEW.phase, NEW.outcome, 1) ON CONFLICT DO UPDATE SET n = n + 1; END;
CREATE TRIGGER tally_end AFTER UPDATE OF resolved_at ON tasks
WHEN OLD.resolved_at IS NULL AND NEW.resolved_at IS NOT NULL AND NEW.status != 'merged' BEGIN
    INSERT INTO tallies SELECT 'seconds', NEW.status, {slot}, 1 FROM {took} WHERE 1 ON CONFLICT DO UPDATE SET n = n + 1; END;
CREATE TRIGGER tally_seconds AFTER UPDATE OF resolved_at ON tasks
WHEN OLD.resolved_at IS NULL AND NEW.resolved_at IS NOT NULL AND NEW.status != 'merged' BEGIN
    INSERT INTO tallies SELECT 'seconds_sum', NEW.status, '', s FROM {took} WHERE 1 ON CONFLICT DO UPDATE SET n = n + excluded.n; END;
""",  # noqa: S608  # constants of this function
    )


@tasks()
def m010_spending(db: Database) -> None:
    """What the models cost: a row a call, and a row for each day on which a budget of the day refused one.

    `task_id` is kept when its incident is not. `signature`: the incident's kind, so that its first and its second time compare.
    While a call is under way (`ended_at` is NULL, `outcome` empty) its row says what it may cost at most. `run`: the process
    that makes it. Tallies: see m009; a count's `a` is `backend/model`.
    """
    slot = """CASE WHEN s <= 1 THEN '1' WHEN s <= 5 THEN '5' WHEN s <= 15 THEN '15' WHEN s <= 60 THEN '60' WHEN s <= 300 THEN '300'
        WHEN s <= 900 THEN '900' WHEN s <= 3600 THEN '3600' WHEN s <= 14400 THEN '14400' WHEN s <= 86400 THEN '86400' ELSE '+Inf' END"""
    which = "NEW.backend || '/' || NEW.model"
    once = "AFTER UPDATE OF ended_at ON model_calls WHEN OLD.ended_at IS NULL AND NEW.ended_at IS NOT NULL BEGIN"
    more = "ON CONFLICT DO UPDATE SET n = n + excluded.n; END"
    execute_all(
        db,
        f"""
CREATE TABLE model_calls (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    task_id INTEGER,
    phase INTEGER NOT NULL,
    expert TEXT NOT NULL,
    backend TEXT NOT NULL,
    model TEXT NOT NULL,
    began_at TEXT NOT NULL,
    ended_at TEXT,
    tokens_in INTEGER NOT NULL,
    tokens_cached INTEGER NOT NULL DEFAULT 0,
    tokens_out INTEGER NOT NULL,
    dollars REAL NOT NULL,
    seconds REAL NOT NULL DEFAULT 0,
    outcome TEXT NOT NULL DEFAULT '',
    signature TEXT NOT NULL DEFAULT '',
    run TEXT NOT NULL
);
CREATE INDEX calls_in_numbers ON model_calls(
    began_at, backend, model, outcome, expert, tokens_in, tokens_cached, tokens_out, dollars, seconds, task_id);
CREATE INDEX calls_of_incident ON model_calls(task_id, dollars, tokens_in, tokens_out, seconds) WHERE task_id IS NOT NULL;
CREATE INDEX calls_of_kind ON model_calls(signature, task_id) WHERE signature != '';
CREATE INDEX calls_under_way ON model_calls(run) WHERE ended_at IS NULL;
CREATE TABLE spent_days (
    day TEXT PRIMARY KEY,
    since TEXT NOT NULL,
    last_at TEXT NOT NULL,
    refused INTEGER NOT NULL,
    reason TEXT NOT NULL
) WITHOUT ROWID;
CREATE INDEX attempts_voted ON attempts(ended_at, origin, outcome, executed, task_id) WHERE proposer = 'consultation';
CREATE TRIGGER tally_call {once}
    INSERT INTO tallies VALUES ('calls', {which}, NEW.outcome, 1) {more};
CREATE TRIGGER tally_call_tokens {once}
    INSERT INTO tallies VALUES ('call_tokens', {which}, 'in', NEW.tokens_in - NEW.tokens_cached),
        ('call_tokens', {which}, 'cached', NEW.tokens_cached), ('call_tokens', {which}, 'out', NEW.tokens_out) {more};
CREATE TRIGGER tally_call_dollars {once}
    INSERT INTO tallies VALUES ('call_dollars', {which}, '', NEW.dollars) {more};
CREATE TRIGGER tally_call_seconds {once}
    INSERT INTO tallies SELECT 'call_seconds', {which}, {slot}, 1 FROM (SELECT NEW.seconds AS s) WHERE 1 {more};
CREATE TRIGGER tally_call_seconds_sum {once}
    INSERT INTO tallies VALUES ('call_seconds_sum', {which}, '', NEW.seconds) {more};
""",  # noqa: S608  # constants of this function
    )


@tasks()
def m011_memory(db: Database) -> None:
    """What each expert said of a kind of fault here, and how it stood up. Outlives its incidents; ends by its own date."""
    execute_all(
        db,
        """
CREATE TABLE expert_memory (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    expert TEXT NOT NULL,
    check_name TEXT NOT NULL,
    target TEXT NOT NULL,
    service TEXT NOT NULL,
    signature TEXT NOT NULL,
    stance TEXT NOT NULL,
    kinds TEXT NOT NULL,
    fact TEXT NOT NULL,
    said_by TEXT NOT NULL DEFAULT '',
    proved TEXT NOT NULL,
    task_id INTEGER NOT NULL,
    uses INTEGER NOT NULL DEFAULT 0,
    wins INTEGER NOT NULL DEFAULT 0,
    losses INTEGER NOT NULL DEFAULT 0,
    created_at TEXT NOT NULL,
    verified_at TEXT NOT NULL,
    expires_at TEXT NOT NULL,
    UNIQUE (expert, signature, stance, kinds)
);
CREATE INDEX memory_by_plan ON expert_memory(signature, kinds);
CREATE INDEX memory_by_end ON expert_memory(expires_at);
""",
    )


@tasks()
def m012_instead(db: Database) -> None:
    """What healed where an expert had said something else: kinds of actions, apart from anybody's words."""
    execute_all(db, "ALTER TABLE expert_memory ADD COLUMN instead TEXT NOT NULL DEFAULT '[]'")


@tasks()
def m013_reading(db: Database) -> None:
    """What each model and expert cost is summed in the order of an index: 90 days of 30,000 calls in 9 ms instead of 23."""
    execute_all(
        db,
        """CREATE INDEX calls_by_whom ON model_calls(
    backend, model, outcome, expert, began_at, tokens_in, tokens_cached, tokens_out, dollars, seconds)""",
    )


@tasks()
def m014_chain(db: Database) -> None:
    """The audit as a chain (`store/chain.py`), which nothing but the retention's own cut makes shorter.

    `audit_anchor`: up to where it may be cut. `audit_marks`: the cuts, and where a damaged file was replaced. `carried`: up to
    where each source in escalations.db, which has no transaction with this file, was taken over into the audit.
    `configuration`: a digest of each key that is set.
    """
    # Imported here: the chain works on a ledger, and the ledger's users import these steps.
    from orchestrator.store.chain import chain_up  # noqa: PLC0415

    db.conn.execute("ALTER TABLE audit ADD COLUMN digest TEXT NOT NULL DEFAULT ''")
    chain_up(db)
    execute_all(
        db,
        """
CREATE INDEX audit_marks ON audit(what, id) WHERE what IN ('audit cut', 'file put back');
CREATE TRIGGER audit_is_kept_as_it_is BEFORE UPDATE ON audit BEGIN SELECT RAISE(ABORT, 'the audit is only ever added to'); END;
CREATE TRIGGER audit_is_cut_by_its_anchor_alone BEFORE DELETE ON audit
WHEN OLD.id > COALESCE((SELECT upto FROM audit_anchor), 0)
BEGIN SELECT RAISE(ABORT, 'the audit is only ever added to'); END;
CREATE TABLE audit_anchor (id INTEGER PRIMARY KEY CHECK (id = 1), upto INTEGER NOT NULL);
CREATE TABLE carried (source TEXT PRIMARY KEY, last TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE configuration (key TEXT PRIMARY KEY, digest TEXT NOT NULL) WITHOUT ROWID;
""",
    )


@tasks()
def m015_taken_back(db: Database) -> None:
    """When the hands began to take a change back: a stop that PID 1 tells of between that and `undone_at` is no person's wish."""
    execute_all(
        db,
        """
ALTER TABLE changes ADD COLUMN undoing_at TEXT;
CREATE INDEX changes_undone ON changes(id) WHERE undoing_at IS NOT NULL;
""",
    )
