"""What another watcher sends: Alertmanager's webhook. It says that something is wrong; the daemon looks for itself."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from dashboard.here import here
from escalation.text import one_line
from orchestrator.model import Alert, Word
from orchestrator.store.alerts import NAME_CHARACTERS, Alerts, severity_of, target_of

AT_ONCE = 1000

Text = Annotated[str, StringConstraints(max_length=10_000)]
Words = dict[Annotated[str, StringConstraints(max_length=500)], Text]


class Sent(BaseModel):
    """One alert, as Alertmanager sends it. What is not named here may be there too, and is not looked at."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    status: Literal["firing", "resolved"]
    labels: Words
    annotations: Words = Field(default_factory=dict)
    startsAt: datetime  # noqa: N815  # Alertmanager's name
    fingerprint: Annotated[str, StringConstraints(min_length=1, max_length=NAME_CHARACTERS)]


class Webhook(BaseModel):
    """Alertmanager's message, version 4."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    version: Literal["4"]
    alerts: Annotated[tuple[Sent, ...], Field(max_length=AT_ONCE)]
    receiver: Text = ""
    externalURL: Text = ""  # noqa: N815  # Alertmanager's name


class NotUnderstood(Word):
    fingerprint: str
    name: str
    why: str


class Told(Word):
    """What became of the alerts of one message."""

    taken: int
    resolved: int
    dropped: int
    """Beyond what is kept."""
    not_understood: tuple[NotUnderstood, ...]


def alerts(asked: Webhook) -> Told:
    """Which unit or service an alert means is read from its labels; one that names none is left out, and the answer says why."""
    understood, strange = list(_understood(asked)), list(_strange(asked))
    ended = [sent.fingerprint for sent in asked.alerts if sent.status == "resolved"]
    with Alerts(here().state_dir) as kept:
        taken = kept.put(understood, ended)
    return Told(taken=taken.firing, resolved=taken.ended, dropped=taken.dropped, not_understood=tuple(strange))


def _understood(asked: Webhook) -> Iterator[Alert]:
    source = urlsplit(asked.externalURL).hostname if asked.externalURL.startswith(("http://", "https://")) else ""
    for sent in asked.alerts:
        target, _ = target_of(sent.labels, here().config)
        if sent.status == "firing" and target:
            yield Alert(
                key=sent.fingerprint,
                name=_name(sent),
                target=target,
                summary=sent.annotations.get("summary") or sent.annotations.get("description") or sent.annotations.get("message", ""),
                severity=severity_of(sent.labels),
                source=f"alertmanager {source}".strip(),
                starts_at=_epoch(sent.startsAt),
                seen_at=time.time(),
            )


def _strange(asked: Webhook) -> Iterator[NotUnderstood]:
    for sent in asked.alerts:
        target, why = target_of(sent.labels, here().config)
        if sent.status == "firing" and not target:
            yield NotUnderstood(fingerprint=sent.fingerprint, name=_name(sent), why=one_line(why))


def _name(sent: Sent) -> str:
    return one_line(sent.labels.get("alertname", "unnamed"), NAME_CHARACTERS)


def _epoch(at: datetime) -> float:
    return (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp()
