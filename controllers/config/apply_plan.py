"""What applying a configuration would do, worked out without doing it: the API's operation and `--dry-run` use this.

Modes: `auto` puts the configuration in force and keeps it; `staged` only keeps it, for the next boot; `try` puts it in
force for a while and then goes back by itself; `dry-run` does nothing. In maintenance mode network documents alone are
enough, and go on when the rest comes; only `auto` and `dry-run` make sense: there is nothing yet to stage for or to go back to.
"""

from collections.abc import Iterable, Sequence
from enum import StrEnum

from controllers.config.diff import diff_documents
from controllers.config.document import Document
from controllers.config.documents import ClusterConfig, MachineConfig
from controllers.config.kept_network import append_documents, find_kept
from controllers.config.loader import load
from controllers.config.problem import Problem
from controllers.config.validation import find_conflicts, find_document, find_missing, is_partial
from controllers.resources.machine import ConfigRequest
from controllers.runtime.resource import Part, Secret

TRY_SECONDS = 60.0
MAX_TRY_SECONDS = 3600.0


class ApplyMode(StrEnum):
    """How a configuration is applied."""

    AUTO = "auto"
    STAGED = "staged"
    TRY = "try"
    DRY_RUN = "dry-run"


class ApplyPlan(Part, frozen=True, kw_only=True):
    """What will happen. With `problems` nothing may. `active`, `persistent`: whether these are set to `yaml`;
    `try_seconds`: after how long the active one goes back (0: never); `diff`: for people, secrets redacted.
    """

    mode: ApplyMode
    yaml: Secret = ""
    problems: tuple[Problem, ...] = ()
    diff: str = ""
    active: bool = False
    persistent: bool = False
    try_seconds: float = 0.0

    @property
    def message(self) -> str:
        """One line that says what was, or would be, done."""
        if self.problems:
            return "nothing was applied"
        if not self.diff and self.mode is not ApplyMode.TRY:
            return "nothing changes"
        return {
            ApplyMode.AUTO: "applied without a reboot",
            ApplyMode.STAGED: "kept for the next boot",
            ApplyMode.TRY: f"applied for {self.try_seconds:.0f} s, then it goes back unless applied again",
            ApplyMode.DRY_RUN: "nothing was applied (dry run)",
        }[self.mode]


def plan_apply(
    current_yaml: str,
    new_yaml: str,
    mode: str,
    maintenance: bool,
    *,
    node_addresses: Iterable[str] = (),
    try_seconds: float = TRY_SECONDS,
) -> ApplyPlan:
    """Return what applying `new_yaml` over `current_yaml` (empty: none) would do. Pure; never raises for bad input.

    In: `mode` of `ApplyMode`; `maintenance`: the node has no complete configuration yet; `node_addresses`: what the
    node has now, to find pod networks that would swallow them; `try_seconds`: 1 to 3600.
    """
    try:
        wanted = ApplyMode(mode)
    except ValueError:
        problem = Problem(message=f"unknown mode {mode[:20]!r}", hint=f"one of {', '.join(ApplyMode)}")
        return ApplyPlan(mode=ApplyMode.DRY_RUN, problems=(problem,))
    current = load(current_yaml).documents
    loaded = load(new_yaml)
    kept = find_kept(current, loaded.documents) if maintenance else ()
    documents = (*loaded.documents, *kept)
    problems = [*loaded.problems, *find_conflicts(documents, node_addresses)]
    if not loaded.problems:
        problems += _check_completeness(loaded.documents, maintenance) + _check_identity(current, loaded.documents)
    problems += _check_mode(wanted, maintenance, try_seconds)
    diff = diff_documents(current, documents)
    if problems or wanted is ApplyMode.DRY_RUN:
        return ApplyPlan(mode=wanted, problems=tuple(problems), diff=diff)
    return ApplyPlan(
        mode=wanted,
        yaml=append_documents(new_yaml, kept),
        diff=diff,
        active=wanted is not ApplyMode.STAGED,
        persistent=wanted is not ApplyMode.TRY,
        try_seconds=try_seconds if wanted is ApplyMode.TRY else 0.0,
    )


def plan_request(plan: ApplyPlan, request: ConfigRequest | None, now: float) -> ConfigRequest:
    """Return the `ConfigRequest` (id `config`) that carries out a plan without problems.

    In: the request that is there already, or None; `now`: monotonic seconds. An `auto` ends a running trial; a `staged`
    one leaves it alone.
    """
    before = request or ConfigRequest()
    if plan.mode is ApplyMode.DRY_RUN or plan.problems:
        return before
    if plan.try_seconds:
        return ConfigRequest(
            active=before.active, persistent=before.persistent, trial=plan.yaml, trial_until=now + plan.try_seconds
        )
    return ConfigRequest(
        active=plan.yaml if plan.active else before.active,
        persistent=plan.yaml,
        trial="" if plan.active else before.trial,
        trial_until=0.0 if plan.active else before.trial_until,
    )


def _check_completeness(documents: Sequence[Document], maintenance: bool) -> list[Problem]:
    if not documents:
        return [Problem(message="no documents", hint="make a configuration with `ophite gen config`")]
    if maintenance and is_partial(documents):
        return []
    return find_missing(documents)


def _check_identity(current: Sequence[Document], new: Sequence[Document]) -> list[Problem]:
    """What cannot change while a node is a member of its cluster."""
    found = []
    hint = "a node keeps it for life: reset the node and apply the configuration afresh"
    old_machine, machine = find_document(current, MachineConfig), find_document(new, MachineConfig)
    if old_machine and machine and old_machine.type is not machine.type:
        found.append(machine.problem("type", f"cannot change from {old_machine.type} to {machine.type}", hint))
    old_cluster, cluster = find_document(current, ClusterConfig), find_document(new, ClusterConfig)
    if old_cluster and cluster and old_cluster.cluster_id and old_cluster.cluster_id != cluster.cluster_id:
        found.append(cluster.problem("id", "the configuration is of another cluster", hint))
    return found


def _check_mode(mode: ApplyMode, maintenance: bool, try_seconds: float) -> list[Problem]:
    if maintenance and mode in (ApplyMode.STAGED, ApplyMode.TRY):
        return [Problem(message=f"mode `{mode}` needs a node that has a configuration", hint="use mode `auto`")]
    if mode is ApplyMode.TRY and not 1 <= try_seconds <= MAX_TRY_SECONDS:
        return [Problem(message=f"{try_seconds:.0f} s to try", hint=f"1 to {MAX_TRY_SECONDS:.0f} seconds")]
    return []
