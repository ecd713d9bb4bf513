"""What keeps a name from being found: the files that say where to ask, who answers there, and what of that is not as it was."""

from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass

from orchestrator.host import FileState, Unavailable, View, dns, ways
from orchestrator.host.names import HOSTS, NAME_FILES, NSSWITCH, RESOLV, addresses_of, entries_in, says_anything, servers_in

_OTHERS_READ = 0o004
_AT_ONCE = 8
_TOLD = 5
_LINES = 10

Lost = Mapping[str, tuple[str, ...]]
"""By the target of a service: its names that are not found, or that lead elsewhere."""


@dataclass(frozen=True, slots=True)
class Trouble:
    root: str
    """The file, or the unit, that is to be mended."""
    reason: str
    message: str
    services: frozenset[str]


# ---- which names ----


def missing(view: View, targets: tuple[str, ...]) -> Lost:
    """The names of these services that were found here before, and that a program of theirs does not find now."""
    changed = any(_differs(view, path) for path in NAME_FILES)
    asked = {
        (name, needs.user)
        for target in targets
        if (needs := view.names.needs.get(target))
        for name in needs.names
        if changed or name in view.names.found
    }
    answers = look_up(view, tuple(asked))
    lost = {
        target: tuple(name for name in needs.names if answers.get((name, needs.user)) == ())
        for target in targets
        if (needs := view.names.needs.get(target))
    }
    return {target: names for target, names in lost.items() if names}


def astray(view: View, targets: tuple[str, ...]) -> Lost:
    """The names that the hosts file sends elsewhere than while all was well: nothing wrong, unless the service is in trouble."""
    good, now = _good_text(view, HOSTS), _text(view, HOSTS)
    if not good or good == now:
        return {}
    led = {
        target: tuple(name for name in needs.names if entries_in(now, name) != entries_in(good, name))
        for target in targets
        if (needs := view.names.needs.get(target))
    }
    return {target: names for target, names in led.items() if names}


def trouble_of(view: View, target: str) -> tuple[str, ...]:
    """The names that keep a service in trouble from working; empty when it needs none, or names are not what it lacks."""
    lost = {**astray(view, (target,)), **missing(view, (target,))}
    return lost.get(target, ())


def look_up(view: View, asked: tuple[tuple[str, str], ...]) -> dict[tuple[str, str], tuple[str, ...]]:
    """Each (name, user) with the addresses that are found; what could not be asked is not there."""

    def ask(pair: tuple[str, str]) -> tuple[str, ...] | None:
        with suppress(Unavailable):
            return addresses_of(view, *pair)
        return None

    if not asked:
        return {}
    with ThreadPoolExecutor(max_workers=min(_AT_ONCE, len(asked)), thread_name_prefix="names") as pool:
        return {pair: found for pair, found in zip(asked, pool.map(ask, asked), strict=True) if found is not None}


# ---- why ----


def troubles(view: View, lost: Lost, led: Lost) -> Iterator[Trouble]:
    """What is to be mended first, as few roots as explain it."""
    if lost:
        names = tuple(dict.fromkeys(name for names in lost.values() for name in names))
        in_doubt = bool(view.names.doubted.keys() & lost.keys())
        for root, reason, why in tuple(damaged(view)) or _one(view, names, in_doubt=in_doubt):
            yield Trouble(root, reason, f"{_listed(names)} cannot be found here: {why}", frozenset(lost))
    if others := frozenset(led) - frozenset(lost):
        names = tuple(dict.fromkeys(name for target in others for name in led[target]))
        text = f"{HOSTS} was changed, and sends {_listed(names)} elsewhere than while all was well"
        yield Trouble(HOSTS, "FileChanged", text, others)


_Found = tuple[str, str, str]
"""Root, reason, and why."""


def damaged(view: View) -> Iterator[_Found]:
    """A file that says nothing any more, to everybody or to all but root: nobody means that."""
    for path in NAME_FILES:
        good = view.known_good.get(path)
        if good is None:
            continue
        state, behind = view.files.look(path), view.files.look(path, follow=True)
        if state is None:
            yield path, "FileGone", f"{path} is gone"
        elif behind is None:
            yield path, "FileGone", f"{path} leads to {state.link_target}, which is not there"
        elif good.kind != "link" and good.mode & _OTHERS_READ and not behind.mode & _OTHERS_READ:
            yield path, "FileUnreadable", f"only its owner and group may read {path}"
        elif not says_anything(path, _text(view, path)) and (good.kind == "link" or says_anything(path, _good_text(view, path))):
            yield path, "FileEmptied", f"{path} says nothing any more"


def _one(view: View, names: tuple[str, ...], *, in_doubt: bool) -> tuple[_Found, ...]:
    """The first that explains it: a resolver that is gone, a file that was changed, a server that does not know or is silent."""
    servers = servers_in(_text(view, RESOLV)) or ("127.0.0.1",)
    replies = {server: dns.ask(server, names[0]) for server in servers}
    dead = (found for server, reply in replies.items() if (found := _dead_resolver(view, server, reply)))
    found = next(dead, None) or next(_changed(view, names), None)
    if found:
        return (found,)
    told = "; ".join(reply.told for reply in replies.values())
    if any(reply.state in ("unknown", "knows") for reply in replies.values()):
        # A name that is retired while nobody misses it is no fault.
        own = (unit for server, reply in replies.items() if reply.state == "unknown" and (unit := _unit_at(view, server)))
        return ((next(own, RESOLV), "NameUnknown", told),) if in_doubt else ()
    return ((RESOLV, "NoServerAnswers", told),)


def _dead_resolver(view: View, server: str, reply: dns.Reply) -> _Found | None:
    """A server of this host that does not answer, by its unit; None where nobody knows who that was."""
    unit = _unit_at(view, server) if reply.state in ("silent", "nobody") else ""
    if not unit:
        return None
    running = view.units.get(unit).running
    told = f"{unit}, which answers at {server}, {'is silent' if running else 'is down'}"
    return unit, "ResolverSilent" if running else "ResolverDown", told


def _unit_at(view: View, server: str) -> str:
    if not ways.is_ours(server):
        return ""
    holder = None
    with suppress(Unavailable):  # then whoever was known to answer there
        holder = view.sockets.holder_of_datagram(server, dns.PORT)
    return holder.unit if holder and holder.unit.endswith(".service") else view.names.resolvers.get(server, "")


def _changed(view: View, names: tuple[str, ...]) -> Iterator[_Found]:
    """A file that was changed since names were found, in what concerns these."""
    good, now = _good_text(view, HOSTS), _text(view, HOSTS)
    if any(entries_in(good, name) and entries_in(now, name) != entries_in(good, name) for name in names):
        yield HOSTS, "FileChanged", f"{HOSTS} was changed, and does not name what it named before"
    if _differs(view, NSSWITCH):
        yield NSSWITCH, "FileChanged", f"{NSSWITCH} was changed since"
    if _differs(view, RESOLV):
        before = (dns.ask(server, names[0]) for server in servers_in(_good_text(view, RESOLV)))
        told = next((f"; {reply.told}, and was asked before" for reply in before if reply.state == "knows"), "")
        yield RESOLV, "FileChanged", f"{RESOLV} was changed since{told}"


# ---- the files ----


def marks(view: View) -> tuple[object, ...]:
    """What tells that the name files are as they were."""
    states = (view.files.look(path, follow=follow) for path in NAME_FILES for follow in (False, True))
    return tuple(_mark(state) for state in states)


def marks_told(view: View) -> Iterator[str]:
    """The name files in words, for a person."""
    for path in NAME_FILES:
        state, known = view.files.look(path), "" if view.known_good.get(path) else ", no good copy is known"
        link = f" -> {state.link_target}" if state and state.kind == "link" else ""
        yield f"{path}{link}: {'differs from its good copy' if _differs(view, path) else 'is as it was'}{known}"
        yield from (f"  {line}" for line in _text(view, path).splitlines()[:_LINES])


def _mark(state: FileState | None) -> object:
    return (state.kind, state.mode, state.mtime, state.ctime, state.inode) if state else None


def _differs(view: View, path: str) -> bool:
    """Whether the file is another than the good copy."""
    good, state = view.known_good.get(path), view.files.look(path)
    if good is None or state is None:
        return good is not None
    if good.kind == "link" or state.kind == "link":
        return (good.kind, good.link_target) != (state.kind, state.link_target)
    return (good.mode, good.digest) != (state.mode, view.known_good.digest(path))


def _text(view: View, path: str) -> str:
    with suppress(Unavailable):
        return view.files.read(path).decode("utf-8", "replace")
    return ""


def _good_text(view: View, path: str) -> str:
    with suppress(Unavailable):
        return view.known_good.content(path).decode("utf-8", "replace")
    return ""


def _listed(names: tuple[str, ...]) -> str:
    return ", ".join(names[:_TOLD]) + (f" and {len(names) - _TOLD} more" if len(names) > _TOLD else "")
