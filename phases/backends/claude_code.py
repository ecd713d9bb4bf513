"""The Claude Code CLI, headless: so that a subscription works where there is no key.

It is a whole agent, and nearly all of this switches something off: it gets no tool, no settings but ours, no memory and an empty folder.
What it is told passes by neither its arguments nor its environment, which others on this host may read.

Two traps that were measured. Text that is its prompt is obeyed: `/cost` is a command, and `@/etc/shadow` is read and sent along, inside
quotes too and whatever tools are forbidden; so the prompt begins with our words, its attachments are off, and no @ is in it. And it
follows a redirect of its server's.
"""

import json
import os
import shlex
import shutil
import stat
import subprocess
import tempfile
from pathlib import Path

from phases.backends.keys import owned, private
from phases.backends.places import checked, without_proxies
from phases.backends.posting import refused
from phases.backends.reading import MOST_BYTES, count, dig, name, object_of
from phases.backends.words import Failed, Json, Question, Used, answered

_PROGRAM = "claude"
_LONGEST_ARGUMENT = 100_000
"""Of a schema, in bytes: the kernel takes 128 KiB."""
_NO_SCHEMA = "no answer by the schema"
_BY_WORDS = (
    (_NO_SCHEMA, "garbage"),
    ("Stream ended", "garbage"),
    ("output token maximum", "cut"),
    ("timed out", "late"),
    ("was lost", "cut"),
    ("JSON", "cut"),
)
_PROMPT = "What was said so far, oldest first, as JSON; answer the last of it, which is the user's:\n"


def ask(question: Question, key: str) -> Json:
    """Raises Failed."""
    if (program := shutil.which(_PROGRAM)) is None:
        raise Failed("misconfigured", f"no {_PROGRAM} on the PATH", mend="npm install -g @anthropic-ai/claude-code")
    if not key:
        _look_at(question.login_dir)
    folder = Path(tempfile.mkdtemp(dir=Path.cwd()))
    (folder / "system").write_text(question.system)
    (folder / "prompt").write_text(_prompt(question))
    (folder / "settings").write_text(json.dumps(_settings(question)))
    (folder / "empty").mkdir()
    command = [program, *_options(question, folder), *(["--bare"] if key else [])]
    try:
        with (folder / "prompt").open("rb") as prompt, (folder / "said").open("wb") as said:
            done = subprocess.run(
                command,
                stdin=prompt,
                stdout=said,
                stderr=subprocess.PIPE,
                cwd=folder / "empty",
                env=_environment(question, folder),
                check=False,
            )
    except OSError as error:
        raise Failed("misconfigured", f"{program}: {error.strerror}", mend=f"{program} --version") from error
    with (folder / "said").open("rb") as opened:
        text = opened.read(MOST_BYTES + 1)
    return _answer(text, done, question)


def _look_at(login_dir: str) -> None:
    quoted = shlex.quote(login_dir or "/etc/autonomous-orchestrator/claude")
    login = f"install -d -m 700 {quoted} && CLAUDE_CONFIG_DIR={quoted} claude auth login"
    if not login_dir:
        raise Failed("misconfigured", "the Claude CLI needs a key_file, or a login_dir where somebody has logged in", mend=login)
    try:
        why = private(os.stat(login_dir), stat.S_IFDIR)  # noqa: PTH116  # the same question as for a key
        if not why and not os.access(login_dir, os.R_OK | os.W_OK | os.X_OK):
            why = "is not the daemon's own to read, and to renew the login in"
    except OSError as error:
        raise Failed("misconfigured", f"{login_dir}: {error.strerror}", mend=login) from error
    if why:
        raise Failed("misconfigured", f"{login_dir} {why}", mend=owned(login_dir, 700))


def _options(question: Question, folder: Path) -> list[str]:
    schema = json.dumps(question.answer_schema)
    if len(schema) > _LONGEST_ARGUMENT:
        raise Failed("misconfigured", f"the schema of the answer has {len(schema)} bytes: too many for the CLI")
    return [
        "--print",
        "--output-format=json",
        f"--json-schema={schema}",
        f"--model={question.model}",
        f"--system-prompt-file={folder / 'system'}",
        f"--settings={folder / 'settings'}",
        "--setting-sources=",
        "--tools=",
        "--max-turns=1",
        "--strict-mcp-config",
        "--disable-slash-commands",
        "--no-session-persistence",
        "--permission-mode=dontAsk",
    ]


def _settings(question: Question) -> Json:
    """The key by a program that prints it: the CLI asks for it when it needs it."""
    return {"apiKeyHelper": f"cat -- {shlex.quote(question.key_file)}"} if question.key_file else {}


def _environment(question: Question, folder: Path) -> dict[str, str]:
    url = checked(question.url) if question.url else ""
    inherited = without_proxies() if url.startswith("http:") else dict(os.environ)
    off = (
        "NONESSENTIAL_TRAFFIC",
        "ATTACHMENTS",
        "CLAUDE_MDS",
        "AUTO_MEMORY",
        "BACKGROUND_TASKS",
        "REFUSAL_FALLBACK",
        "NONSTREAMING_FALLBACK",
    )
    return {
        **inherited,
        **{f"CLAUDE_CODE_DISABLE_{what}": "1" for what in off},
        **({"ANTHROPIC_BASE_URL": url} if url else {}),
        "HOME": str(folder / "empty"),
        "CLAUDE_CONFIG_DIR": str(folder / "config") if question.key_file else question.login_dir,
        "CLAUDE_CODE_MAX_RETRIES": "1",
        "CLAUDE_CODE_MAX_OUTPUT_TOKENS": str(question.answer_tokens),
        "API_TIMEOUT_MS": str(int(question.seconds * 1000)),
    }


def _prompt(question: Question) -> str:
    """JSON, in which any character may be written as its number: no @ is left for the CLI to find."""
    said = [{"role": turn.role, "text": turn.text} for turn in question.turns]
    return _PROMPT + json.dumps(said, ensure_ascii=False).replace("@", "\\u0040")


def _answer(text: bytes, done: "subprocess.CompletedProcess[bytes]", question: Question) -> Json:
    if len(text) > MOST_BYTES:
        raise Failed("cut", f"the Claude CLI said more than {MOST_BYTES >> 10} KiB")
    if not text.strip():
        complaint = " ".join(done.stderr[-2000:].decode(errors="replace").split())[:300]
        raise Failed(
            "misconfigured", f"the Claude CLI ended with {done.returncode}: {complaint}", mend=f"{_PROGRAM} --version; {_PROGRAM} update"
        )
    said = object_of(text.decode(errors="replace"))
    cached = count(said, "usage", "cache_read_input_tokens")
    new = count(said, "usage", "input_tokens") + count(said, "usage", "cache_creation_input_tokens")
    dollars = said.get("total_cost_usd")
    told = max(0.0, float(dollars)) if isinstance(dollars, int | float) else 0.0
    used = Used(new + cached, cached, count(said, "usage", "output_tokens"), told)
    if said.get("is_error") or said.get("subtype") != "success":
        raise _failed(said, question, used)
    answer = said.get("structured_output")
    if not isinstance(answer, dict):
        raise Failed("garbage", f"the Claude CLI says: {_NO_SCHEMA}", used=used)
    return answered(answer, name(next(iter(dig(said, "modelUsage") or ()), ""), question.model), used)


def _failed(said: Json, question: Question, used: Used) -> Failed:
    """The CLI tells most of it in words alone, and calls all of it a success."""
    result = _NO_SCHEMA if said.get("subtype") == "error_max_turns" else said.get("result") or said.get("subtype")
    words = " ".join(str(result).split())[:300]
    status = said.get("api_error_status")
    if said.get("stop_reason") == "refusal":
        return Failed("refused", "the model would not answer", used=used)
    if isinstance(status, int):
        return refused(status, words)
    if "/login" in words or "API key" in words:
        mend = (
            f"CLAUDE_CONFIG_DIR={shlex.quote(question.login_dir)} claude auth login" if question.login_dir else "a new key in the key_file"
        )
        return Failed("misconfigured", f"the Claude CLI says: {words}", mend=mend)
    kind = next((kind for part, kind in _BY_WORDS if part in words), "unreachable")
    return Failed(kind, f"the Claude CLI says: {words}", used=used if used.tokens_out else None)
