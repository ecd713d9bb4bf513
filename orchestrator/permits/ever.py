"""What may be done on this host at all, by the configuration alone: asked before a plan is judged, taught, and performed."""

from collections.abc import Callable

from orchestrator.config import Config
from orchestrator.model import Action, Mode, Verdict, is_unit
from orchestrator.permits.words import first_word


def may_ever(action: Action, config: Config) -> Verdict:
    """Whether the configuration allows this action at all, whoever approves of it."""
    return first_word((rule, rule(action, config)) for rule in _EVER)


def modes_of(action: Action, config: Config) -> set[Mode]:
    """Of the services and units that it is done for and to; where it names none, the host's."""
    named = tuple(name for name in action.concerns() if not name.startswith("/"))
    return {config.mode_of(name) for name in named or action.targets()}


def _no_target(action: Action, config: Config) -> str:
    del config
    targets = action.targets()
    if not targets or any(not target.strip() or set(target) & set("*?[") for target in targets):
        return f"{action.kind} names no target, or a pattern"
    return ""


def _protected_unit(action: Action, config: Config) -> str:
    for unit in filter(is_unit, action.concerns()):
        # A protected unit that is down may be started when the operator declared it; its config test is the action's own refusal.
        may_start = action.kind in ("start_unit", "reset_failed") and config.service_of(unit) is not None
        if config.protects_unit(unit) and not may_start:
            return f"{unit} is protected"
    return ""


def _protected_path(action: Action, config: Config) -> str:
    # A program's owner and mode, as they were while all was well: that this is one, and the same, is the action's own refusal.
    mode_alone = action.kind == "restore_owner_mode"
    paths = (target for target in action.concerns() if target.startswith("/"))
    return next((f"{path} is protected" for path in paths if config.protects_path(path, mode_alone=mode_alone)), "")


def _protected_container(action: Action, config: Config) -> str:
    name = action.model_dump().get("container", "")
    return f"the container {name} is protected" if name in config.protect.containers else ""


def _undeclared(action: Action, config: Config) -> str:
    """What removes files or runs an operator's command must be exactly what the operator declared."""
    fields = action.model_dump()
    match action.kind:
        case "clean_path":
            declared = any(
                (item.path, item.pattern, item.older_than_seconds) == (fields["path"], fields["pattern"], fields["older_than_seconds"])
                for item in config.path
            )
        case "run_command":
            declared = any(
                item.name == fields["name"] and item.argv == tuple(fields["argv"]) and item.risk == fields["risk"]
                for item in config.command
            )
        case "start_service" | "stop_service" | "restart_service":
            service = config.service_of(fields["name"])
            verb = action.kind.removesuffix("_service")
            declared = bool(service) and getattr(service, verb) == tuple(fields["argv"]) and bool(fields["argv"])
        case _:
            return ""
    return "" if declared else f"{action.about()}: not what the configuration declares"


def _watching_only(action: Action, config: Config) -> str:
    return "the mode is observe or suggest" if modes_of(action, config) & {Mode.OBSERVE, Mode.SUGGEST} else ""


_Rule = Callable[[Action, Config], str]
_EVER: tuple[_Rule, ...] = (_no_target, _protected_unit, _protected_path, _protected_container, _undeclared, _watching_only)
