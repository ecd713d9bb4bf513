"""What the hands can be told: each verb with its fields, and who may say it. What does not fit is refused as a whole."""

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import Field, TypeAdapter

from orchestrator.hands.doors import Digest, Door
from orchestrator.hands.hands import Hands
from orchestrator.hands.peers import Role
from orchestrator.model import Json, Word

ChangeId = Annotated[int, Field(strict=True, ge=0, lt=2**63)]
Time = Annotated[float, Field(ge=0, allow_inf_nan=False)]
_STEPS = 100


class Prepare(Word):
    verb: Literal["prepare"]
    action: Json
    root: ChangeId | None = None

    def said_to(self, hands: Hands, uid: int) -> Json:
        del uid
        return hands.prepare(self.action, self.root)


class Perform(Word):
    verb: Literal["perform"]
    change_id: ChangeId
    action: Json
    root: ChangeId | None = None

    def said_to(self, hands: Hands, uid: int) -> Json:
        del uid
        return hands.perform(self.change_id, self.action, self.root)


class Verify(Word):
    verb: Literal["verify"]
    action: Json

    def said_to(self, hands: Hands, uid: int) -> Json:
        del uid
        return hands.verify(self.action)


class Undo(Word):
    verb: Literal["undo"]
    change_id: ChangeId
    action: Json
    before: Json

    def said_to(self, hands: Hands, uid: int) -> Json:
        del uid
        return hands.undo(self.change_id, self.action, self.before)


class Remember(Word):
    verb: Literal["remember"]
    service: Annotated[str, Field(max_length=300)]
    answered: Time = 0.0
    changed: bool = True

    def said_to(self, hands: Hands, uid: int) -> Json:
        del uid
        return hands.remember(self.service, self.answered, changed=self.changed)


class Approve(Word):
    verb: Literal["approve"]
    plan: Annotated[list[Json], Field(min_length=1, max_length=_STEPS)]
    until: Time
    door: Digest | None = None

    def said_to(self, hands: Hands, uid: int) -> Json:
        return hands.approve(self.plan, self.until, by=uid, door=self.door)


class Vouch(Word):
    verb: Literal["vouch"]
    door: Digest
    until: Time | None = None
    through: Digest | None = None

    def said_to(self, hands: Hands, uid: int) -> Json:
        return hands.vouch(Door(digest=self.door, until=self.until, by=uid), self.through)


class Ask(Word):
    verb: Literal["ask"]
    question: Annotated[str, Field(pattern=r"^[a-z][a-z_]{0,63}$")]
    about: Json = Field(default_factory=dict)

    def said_to(self, hands: Hands, uid: int) -> Json:
        del uid
        return hands.ask(self.question, self.about)


class Account(Word):
    verb: Literal["account"]
    since: ChangeId

    def said_to(self, hands: Hands, uid: int) -> Json:
        del uid
        return hands.account(self.since)


Request = Prepare | Perform | Verify | Undo | Remember | Approve | Vouch | Ask | Account

CHANGES = ("perform", "undo")
_BRAIN = frozenset(("prepare", "perform", "verify", "undo", "remember", "ask", "account"))
_PERSON = frozenset(("approve", "vouch"))
_RIGHTS: Mapping[Role, frozenset[str]] = {
    Role.ROOT: _BRAIN | _PERSON,
    Role.BRAIN: _BRAIN,
    Role.WEB: _PERSON,
    Role.PERSON: _PERSON,
    Role.NOBODY: frozenset(),
}

_REQUEST: TypeAdapter[Request] = TypeAdapter(Annotated[Request, Field(discriminator="verb")])


def parse(data: Json) -> Request:
    """Raises pydantic.ValidationError."""
    return _REQUEST.validate_python(data)


def may(role: Role, request: Request) -> bool:
    """The dashboard is no person: it has to say by which door the person came."""
    if role is Role.WEB:
        return (isinstance(request, Approve) and request.door is not None) or (isinstance(request, Vouch) and request.through is not None)
    return request.verb in _RIGHTS[role]
