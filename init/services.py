"""What a service is: its specification as it arrives from the brain, its states, and how two tables differ.

Decoding is strict: everything comes from outside, so each field has one rule, and all that is wrong is said at once, with the
path. NamedTuples instead of dataclasses: the same guarantees, and PID 1 starts without importing `inspect`.
"""

from collections.abc import Callable, Iterable, Mapping
from enum import StrEnum
from typing import Any, NamedTuple

from init.linux.caps import NUMBERS

MAX_SERVICES = 64
Rules = Mapping[str, "Rule"]  # of an object's fields, by name
NAME_CHARACTERS = frozenset("abcdefghijklmnopqrstuvwxyz0123456789-_.")
MAX_BYTES = 1 << 50
BACKOFF_FIRST, BACKOFF_CAP = 0.5, 60.0  # seconds
OWN_BACKOFF_FIRST, OWN_BACKOFF_CAP = 0.1, 0.8  # of `controllers` and `api`: back within a second
OWN_SERVICES = frozenset({"controllers", "api"})
ENVIRONMENT = (("PATH", "/usr/sbin:/usr/bin:/sbin:/bin"), ("HOME", "/"), ("LANG", "C.UTF-8"), ("TZ", "UTC"))
HEALTHY_AFTER = 30.0  # seconds of running after which failures are forgotten


class ControlError(Exception):
    """A request that is refused: what is wrong, and what to do about it."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


class State(StrEnum):
    """Where a service is in its life."""

    STARTING = "starting"
    RUNNING = "running"
    STOPPING = "stopping"
    BACKOFF = "backoff"
    FINISHED = "finished"
    FAILED = "failed"


TRANSITIONS: Mapping[State, frozenset[State]] = {
    State.STARTING: frozenset({State.RUNNING, State.BACKOFF, State.FAILED, State.FINISHED}),
    State.RUNNING: frozenset({State.STOPPING, State.BACKOFF, State.FINISHED, State.FAILED}),
    State.STOPPING: frozenset({State.STARTING, State.FINISHED}),
    State.BACKOFF: frozenset({State.STARTING, State.FINISHED}),
    State.FINISHED: frozenset({State.STARTING}),
    State.FAILED: frozenset({State.STARTING, State.FINISHED}),
}


class Restart(StrEnum):
    """When a service that has exited is started again."""

    ALWAYS = "always"
    ON_FAILURE = "on-failure"
    NEVER = "never"


class ServiceSpec(NamedTuple):
    """One wanted service; the fields are those of the control socket (docs/architecture.md)."""

    id: str
    argv: tuple[str, ...]
    env: tuple[tuple[str, str], ...] = ()
    uid: int = 0
    gid: int = 0
    groups: tuple[int, ...] = ()
    cgroup: str = ""
    memory_min: int = 0
    memory_low: int = 0
    memory_max: int = 0
    cpu_weight: int = 0
    oom_score_adj: int = 0
    capabilities: tuple[str, ...] | None = None
    no_new_privs: bool = False
    nofile: int = 0
    restart: Restart = Restart.ALWAYS
    needs: tuple[str, ...] = ()
    stop_timeout: float = 10.0
    workdir: str = "/"


class Rule(NamedTuple):
    """How a field is checked and turned into its type; `convert` returns None for what does not fit."""

    convert: Callable[[Any], object]
    wanted: str


def number(low: int, high: int) -> Rule:
    """A whole number in this range."""

    def convert(value: Any) -> int | None:
        return value if type(value) is int and low <= value <= high else None

    return Rule(convert, f"not a number from {low} to {high}")


def seconds(most: int) -> Rule:
    """A time of at most so many seconds."""
    return Rule(
        lambda value: float(value) if type(value) in (int, float) and 0 <= value <= most else None, f"not 0 to {most} s"
    )


def one_of(kind: type[StrEnum]) -> Rule:
    """A member of an enumeration, by its text."""
    return Rule(lambda value: kind(value) if value in list(kind) else None, "not one of " + ", ".join(kind))


def _list_of(item: Rule, most: int, least: int = 0) -> Rule:
    def convert(value: Any) -> tuple[object, ...] | None:
        if not isinstance(value, list) or not least <= len(value) <= most:
            return None
        items = tuple(item.convert(element) for element in value)
        return None if None in items else items

    return Rule(convert, f"not a list of {least} to {most} items, each {item.wanted.removeprefix('not ')}")


def text(valid: Callable[[str], bool], wanted: str) -> Rule:
    """A text without zeros that is valid."""
    return Rule(
        lambda value: value if isinstance(value, str) and len(value) <= 32768 and "\0" not in value and valid(value) else None,
        wanted,
    )


def _environment(value: Any) -> tuple[tuple[str, str], ...] | None:
    if not isinstance(value, dict) or not all(isinstance(k, str) and isinstance(v, str) for k, v in value.items()):
        return None
    bad = any(not k or "=" in k or "\0" in k + v for k, v in value.items())
    return None if bad or len(value) > 256 else tuple(value.items())


def is_name(text: str) -> bool:
    """Whether `text` may be an id: 1 to 63 of a-z 0-9 - _ . with a letter or digit first."""
    return 0 < len(text) <= 63 and text[0].isalnum() and NAME_CHARACTERS.issuperset(text)


def _is_cgroup(path: str) -> bool:
    return all(is_name(part) for part in path.split("/")) and not "ophite/init/".startswith(f"{path}/")


def _argv(value: Any) -> tuple[object, ...] | None:
    words = _list_of(text(lambda _: True, ""), 512, least=1).convert(value)
    return words if isinstance(words, tuple) and str(words[0]).startswith("/") else None


BOOLEAN = Rule(lambda value: value if isinstance(value, bool) else None, "not true or false")
_NAME = text(is_name, "not a name of 1 to 63 characters a-z 0-9 - _ .")
_ID = number(0, 2**32 - 2)
RULES: Rules = {
    "id": _NAME,
    "argv": Rule(_argv, "not a list of 1 to 512 strings without NUL, the first an absolute path"),
    "env": Rule(_environment, "not an object of at most 256 strings"),
    **dict.fromkeys(("uid", "gid"), _ID),
    "groups": _list_of(_ID, 64),
    "cgroup": text(_is_cgroup, "not a relative path of names other than ophite and ophite/init"),
    **dict.fromkeys(("memory_min", "memory_low", "memory_max"), number(0, MAX_BYTES)),
    "cpu_weight": number(0, 10000),
    "oom_score_adj": number(-1000, 1000),
    "capabilities": _list_of(text(NUMBERS.__contains__, "not a capability such as CAP_NET_ADMIN"), 64),
    "no_new_privs": BOOLEAN,
    "nofile": number(0, 1 << 30),
    "restart": one_of(Restart),
    "needs": _list_of(_NAME, MAX_SERVICES),
    "stop_timeout": seconds(3600),
    "workdir": text(lambda text: text.startswith("/"), "not an absolute path"),
}


def decode_spec(value: object, path: str, problems: list[str]) -> ServiceSpec | None:
    """Decode one specification; what is wrong is added to `problems` and None returned."""
    before = len(problems)
    fields = decode_fields(value, RULES, ("id", "argv"), path, problems)
    return None if len(problems) > before else ServiceSpec(**{"cgroup": f"ophite/{fields['id']}", **fields})


def decode_fields(value: object, rules: Rules, required: Iterable[str], path: str, problems: list[str]) -> dict[str, Any]:
    """Convert the fields of an object by their rules, without those that are null; what is wrong is added to `problems`."""
    if not isinstance(value, dict):
        problems.append(f"{path}: not an object")
        return {}
    problems += [f"{path}.{str(key)[:40]}: unknown field" for key in value if key not in rules]
    problems += [f"{path}.{key}: missing" for key in required if value.get(key) is None]
    fields = {key: rules[key].convert(raw) for key, raw in value.items() if key in rules and raw is not None}
    problems += [f"{path}.{key}: {rules[key].wanted}" for key, converted in fields.items() if converted is None]
    return fields


def decode_table(value: object) -> dict[str, ServiceSpec]:
    """Decode a whole wanted table; ControlError with every problem at once."""
    if not isinstance(value, list) or len(value) > MAX_SERVICES:
        raise ControlError(f"services: not a list of at most {MAX_SERVICES} specifications")
    problems: list[str] = []
    table: dict[str, ServiceSpec] = {}
    for index, item in enumerate(value):
        path = f"services[{index}]"
        spec = decode_spec(item, path, problems)
        if spec is None:
            continue
        if spec.id in OWN_SERVICES or spec.id in table:
            problems.append(f"{path}.id: {spec.id} is {'reserved' if spec.id in OWN_SERVICES else 'there twice'}")
        for other in table.values():
            if f"{spec.cgroup}/".startswith(f"{other.cgroup}/") or f"{other.cgroup}/".startswith(f"{spec.cgroup}/"):
                problems.append(f"{path}.cgroup: {spec.cgroup} overlaps with that of {other.id}")
        table[spec.id] = spec
    if problems:
        raise ControlError("; ".join(problems[:20]), "fix the specification: nothing of this table was applied")
    return table


def plan_changes(current: Mapping[str, ServiceSpec], wanted: Mapping[str, ServiceSpec]) -> tuple[list[str], ...]:
    """The ids to start (in order of need), to stop for good, and to stop and start with another specification."""
    start = [id for id in by_need(wanted) if id not in current]
    stop = [id for id in current if id not in wanted]
    return start, stop, [id for id in current if id in wanted and current[id] != wanted[id]]


def by_need(table: Mapping[str, ServiceSpec]) -> list[str]:
    """The ids with what each one needs before it; a circle is cut where it closes."""
    order: list[str] = []
    visiting: set[str] = set()

    def visit(ids: Iterable[str]) -> None:
        for id in ids:
            if id in table and id not in visiting:
                visiting.add(id)
                visit(table[id].needs)
                order.append(id)

    visit(table)
    return order


def backoff(failures: int, *, own: bool) -> float:
    """Seconds before the next start after this many failures in a row (0 = the first)."""
    first, cap = (OWN_BACKOFF_FIRST, OWN_BACKOFF_CAP) if own else (BACKOFF_FIRST, BACKOFF_CAP)
    return min(first * 2.0 ** min(failures, 16), cap)


def after_exit(policy: Restart, *, success: bool) -> State:
    """The state that follows an exit which nobody asked for."""
    if policy is Restart.ALWAYS or (policy is Restart.ON_FAILURE and not success):
        return State.BACKOFF
    return State.FINISHED if success else State.FAILED
