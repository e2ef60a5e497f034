"""What META says about the upgrade under way or the last one, and which bundles are refused: JSON, read with suspicion.

The record is written by one version and read by another, so unknown fields are ignored and a record that cannot be read
counts as none: a node that runs must never stop over its own notes. PID 1 reads `state`, `root_hash` and `window` of it,
for the deadline of a try that never reaches the brain.
"""

from __future__ import annotations

import msgspec

from controllers.lifecycle.transitions import State, is_allowed

RECORD_KEY, REFUSED_KEY = "upgrade", "refused"
REFUSED_LIMIT = 16
"""So many bundles are remembered; the oldest go."""

TEXT_LIMIT = 400
"""Characters of a reason: META holds 64 KiB in all, and a character takes up to six bytes there."""

REFUSAL_LIMIT = 120
"""The same in the list of refused bundles."""


class UpgradeRecord(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One upgrade.

    `root_hash` is that of the slot that is tried, so that a boot knows whether it is the try. `boot_id` is the boot that
    wrote the present state. `window`: seconds of boot time. `baseline`: what was unmet before. `stage`: how far the new
    version's boot came; `step` and `reason`: where and why it ended.
    """

    state: State
    request: str = ""
    bundle: str = ""
    from_version: str = ""
    to_version: str = ""
    slot: str = ""
    root_hash: str = ""
    boot_id: str = ""
    window: float = 0.0
    staged: bool = False
    baseline: tuple[str, ...] = ()
    stage: str = ""
    step: str = ""
    reason: str = ""


class Refusal(msgspec.Struct, frozen=True, kw_only=True):
    """A bundle that failed here, and where and why."""

    bundle: str
    version: str = ""
    step: str = ""
    reason: str = ""


def parse_record(text: str) -> UpgradeRecord | None:
    """Return the record, None when the text is none."""
    try:
        return msgspec.json.decode(text, type=UpgradeRecord)
    except (msgspec.MsgspecError, ValueError):
        return None


def render_record(record: UpgradeRecord) -> str:
    """Return the record as META holds it."""
    return msgspec.json.encode(record).decode()


def parse_refused(text: str) -> tuple[Refusal, ...]:
    """Return the refused bundles, none when the text is not a list of them."""
    try:
        return msgspec.json.decode(text, type=tuple[Refusal, ...])[-REFUSED_LIMIT:]
    except (msgspec.MsgspecError, ValueError):
        return ()


def render_refused(refused: tuple[Refusal, ...]) -> str:
    """Return the list as META holds it."""
    return msgspec.json.encode(refused).decode()


def advance(record: UpgradeRecord, state: State, **changes: object) -> UpgradeRecord:
    """Return the record in another state. Raises `ValueError` for a transition that the table lacks: a bug."""
    if not is_allowed(record.state, state):
        raise ValueError(f"an upgrade that is {record.state} cannot become {state}")
    after = msgspec.structs.replace(record, state=state, **changes)
    return msgspec.structs.replace(after, step=after.step[:TEXT_LIMIT], reason=after.reason[:TEXT_LIMIT])


def refuse(refused: tuple[Refusal, ...], record: UpgradeRecord) -> tuple[Refusal, ...]:
    """Return the list with the bundle of a failed upgrade at its end; a rollback has no bundle and is not listed."""
    if not record.bundle:
        return refused
    others = tuple(one for one in refused if one.bundle != record.bundle)
    step, reason = record.step[:REFUSAL_LIMIT], record.reason[:REFUSAL_LIMIT]
    new = Refusal(bundle=record.bundle, version=record.to_version[:REFUSAL_LIMIT], step=step, reason=reason)
    return (*others, new)[-REFUSED_LIMIT:]


def allow(refused: tuple[Refusal, ...], bundle: str) -> tuple[Refusal, ...]:
    """Return the list without a bundle that has proved itself after all."""
    return tuple(one for one in refused if one.bundle != bundle)


def find_refusal(refused: tuple[Refusal, ...], bundle: str) -> Refusal | None:
    """Return why a bundle is refused, None when it is not."""
    return next((one for one in refused if one.bundle == bundle), None)
