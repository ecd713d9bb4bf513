"""The audit's own upkeep: what people did in the other file is taken over, the configuration is compared, what is old is cut."""

import json
from collections.abc import Mapping, Sequence

from orchestrator.model import Json
from orchestrator.store import chain
from orchestrator.store.base import ITSELF, Part
from orchestrator.store.chain import CUT, PUT_BACK, Head
from orchestrator.store.ledger import looking, transaction
from orchestrator.store.recovering import PutBack


class Audited(Part):
    @looking
    def audit_head(self) -> Head | None:
        """None before the first row."""
        return chain.head(self.ledger)

    @looking
    def carried(self, source: str) -> str | None:
        """The last that was taken over from there; None before the first time."""
        row = self.ledger.row("SELECT last FROM carried WHERE source = ?", (source,))
        return str(row["last"]) if row else None

    @transaction
    def carry(self, source: str, last: str, acts: Sequence[Json] = ()) -> None:
        """Rows of another file become rows of the audit, each once: a death between the two files leaves them to the next time."""
        for act in acts:
            self.audit(act["actor"], act["what"], act["detail"])
        self.ledger.run("INSERT OR REPLACE INTO carried VALUES (?, ?)", (source, last))

    @transaction
    def note_configuration(self, keys: Mapping[str, str], about: Json) -> tuple[str, ...]:
        """`keys`: each key that is set, with a digest of its value. Returns those that are not as they were when this was said last."""
        before = {row["key"]: row["digest"] for row in self.ledger.rows("SELECT key, digest FROM configuration")}
        changed = tuple(sorted(key for key in {*before, *keys} if before.get(key) != keys.get(key)))
        if changed:
            self.ledger.run("DELETE FROM configuration")
            for key, digest in keys.items():
                self.ledger.insert("configuration", {"key": key, "digest": digest})
        self.audit(ITSELF, "configuration", {**about, "changed": changed if before else ["(known for the first time)"]})
        return changed

    @transaction
    def cut_audit(self, upto: int) -> None:
        """From now on the rows up to there may go. The anchor says what the first one that stays was chained to."""
        row = self.ledger.row("SELECT id, digest FROM audit WHERE id <= ? ORDER BY id DESC LIMIT 1", (upto,))
        if row:
            self.audit(ITSELF, CUT, {"upto": row["id"], "digest": row["digest"]})
            self.ledger.run("INSERT OR REPLACE INTO audit_anchor VALUES (1, ?)", (row["id"],))

    @transaction
    def note_put_back(self, back: PutBack) -> bool:
        """Whether it was not known yet. Where this very file was replaced, the row says after which one its own were lost."""
        told = self.ledger.rows("SELECT detail FROM audit WHERE what = ?", (PUT_BACK,))
        if any(json.loads(row["detail"]).get("kept_as") == back.kept_as for row in told):
            return False
        last = chain.head(self.ledger)
        after = {"after": last.row if last else 0} if back.file == self.ledger.path.name else {}
        self.audit(ITSELF, PUT_BACK, {**back.model_dump(), **after})
        return True
