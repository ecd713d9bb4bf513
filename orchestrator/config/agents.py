"""`[agents]`: which language models think beside the embedded engine, how they are reached, and what they may cost."""

from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import Field, field_validator, model_validator

from orchestrator.config.tables import Section
from orchestrator.model import AbsolutePath

Backend = Literal["embedded", "anthropic", "claude-code", "openai-compatible", "ollama"]
_LOOPBACK = ("localhost", "127.0.0.1", "::1")


def safe(url: str) -> str:
    """The same, if nobody can read on the way what goes there. Raises ValueError."""
    parts = urlsplit(url)
    at_home = parts.scheme == "http" and parts.hostname in _LOOPBACK
    if url and not at_home and not (parts.scheme == "https" and parts.hostname):
        raise ValueError(f"{url!r} is neither https nor on this host's loopback; what a model is told must not be read on the way")
    if parts.username or parts.password or parts.query or parts.fragment:
        raise ValueError("a password, a query or a fragment has no place in the model's url; the key belongs into key_file")
    _ = parts.port  # raises ValueError
    return url


class ModelSettings(Section):
    """One language model, and how it is reached."""

    backend: Backend = "embedded"
    model: Annotated[str, Field(max_length=200, pattern=r"^[A-Za-z0-9._:/@+-]*$")] = ""
    """Its name, as the backend calls it."""
    url: Annotated[str, Field(max_length=500)] = ""
    """Of the server; empty: the backend's own. Neither loopback nor https is refused: what goes there is this host's inside."""
    key_file: AbsolutePath | None = None
    """Holds the key, for its owner alone. Where nothing is said: the systemd credential `model-key`."""
    login_dir: AbsolutePath | None = None
    """The Claude CLI's own directory, for its owner alone, where somebody has logged in with a subscription: instead of a key."""

    @field_validator("url")
    @classmethod
    def _is_safe(cls, url: str) -> str:
        return safe(url)

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        if self.backend != "embedded" and not self.model:
            raise ValueError(f'backend {self.backend!r} needs a model: model = "..."')
        if self.backend == "openai-compatible" and not self.url:
            raise ValueError('backend "openai-compatible" needs the url of its server, up to and with its /v1')
        return self


class Price(Section):
    """Dollars a million tokens, of all models whose name begins so."""

    model: Annotated[str, Field(min_length=1, max_length=200)]
    input: Annotated[float, Field(ge=0, le=10_000)]
    output: Annotated[float, Field(ge=0, le=10_000)]

    def dollars(self, tokens_in: int, tokens_cached: int, tokens_written: int, tokens_out: int) -> float:
        """What was read from the backend's cache costs a tenth, and what was put there a quarter more."""
        return (self.input * (tokens_in - 0.9 * tokens_cached + 0.25 * tokens_written) + self.output * tokens_out) / 1e6


class Agents(ModelSettings):
    """Who thinks in the phases 2 and 3 beside the embedded engine, and for how much."""

    voter: tuple[ModelSettings, ...] = ()
    """More models for the votes: the experts' seats are dealt among all of them."""
    calls: Annotated[int, Field(ge=1, le=64)] = 4
    """At once, at most."""
    turns: Annotated[int, Field(ge=1, le=20)] = 6
    """Answers of one research, the looks that it asks for among them: more turns make results worse."""
    answer_tokens: Annotated[int, Field(ge=256, le=64_000)] = 8192
    incident_dollars: Annotated[float, Field(ge=0)] = 0.5
    incident_tokens: Annotated[int, Field(ge=0)] = 300_000
    day_dollars: Annotated[float, Field(ge=0)] = 5.0
    day_tokens: Annotated[int, Field(ge=0)] = 3_000_000
    """Of UTC. What is spent is spent: the embedded engine goes on, and a person is told once."""
    price: tuple[Price, ...] = ()
    """Beside the shipped ones."""
    traces: Annotated[str, Field(max_length=500)] = ""
    """The address of an OpenTelemetry collector (OTLP over HTTP), without /v1/traces: loopback or https. Empty: no traces."""
    embedded: bool = True
    """Whether the runbooks' plans and the experts' written opinions are used too; without them only what was learned and the models
    speak. What hands a case to a person stays."""

    @field_validator("traces")
    @classmethod
    def _is_safe_too(cls, url: str) -> str:
        return safe(url)

    @property
    def models(self) -> tuple[ModelSettings, ...]:
        """All that can be asked; none with the embedded engine alone."""
        own = ModelSettings.model_validate(self.model_dump(include=set(ModelSettings.model_fields)))
        return tuple(one for one in (own, *self.voter) if one.backend != "embedded")
