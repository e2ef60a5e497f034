"""Boot entries: which slot boots next, and the steps that arm, commit or take back a slot.

systemd-boot reads one small file per slot; tries left stand in its name, so that counting is one rename. GRUB has `default` and
`try` in its environment block. Both are always written. Pure: in comes what is on the ESP (`BootState`), out come steps.
Traps: systemd-boot counts only entries of the key `uki`, `linux` or type 2, never of `efi` (src/boot/boot.c); `uki` is the last
line, so that a file that was cut off is no entry. A counted entry is never renamed to its final name: FAT may lose both names
in a power cut, so the new file is written first and the old one removed after it.
Sources: UAPI group, Boot Loader Specification, "Sorting" and "Boot counting"; systemd-boot(7); GRUB manual, `save_env`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from controllers.lifecycle import grubenv
from controllers.lifecycle.errors import SlotError
from controllers.lifecycle.layout import ENTRIES, GRUBENV, Slot
from controllers.lifecycle.slot_writer import FileStep, OverwriteFile, RemoveFile, WriteFile

NAME = re.compile(r"ophite-(?P<slot>[ab])(?:\+(?P<tries>[0-9]{1,4})(?:-(?P<failed>[0-9]{1,4}))?)?\.conf", re.IGNORECASE)
GENERATION = re.compile(r"[0-9]{1,12}")
TEXT_LIMIT = 8192
"""Bytes of an entry that are looked at."""
DEFAULT, TRY = "default", "try"


@dataclass(frozen=True, slots=True)
class Entry:
    """A boot entry. `tries`: boots left, None when it is not counted; `failed`: boots that were begun; `options`: a whole
    command line that replaces the one in the UKI, or "".
    """

    slot: Slot
    generation: int
    version: str
    tries: int | None = None
    failed: int = 0
    options: str = ""

    @property
    def file_name(self) -> str:
        """Its name below `loader/entries`."""
        counter = "" if self.tries is None else f"+{self.tries}" + (f"-{self.failed}" if self.failed else "")
        return f"ophite-{self.slot.value}{counter}.conf"

    def render(self) -> str:
        """Return its text. Raises `SlotError` for a value that is more than one line."""
        lines = [f"title Ophite {self.version}", "sort-key ophite", f"version {self.generation}"]
        lines += [f"options {self.options}"] if self.options else []
        lines += [f"uki /{self.slot.uki}"]
        for line in lines:
            if not line.isprintable():
                raise SlotError(f"a boot entry cannot hold {line!r}", "use printable characters only")
        return "".join(f"{line}\n" for line in lines)


def parse_name(name: str) -> tuple[Slot, int | None, int] | None:
    """Return slot, tries left and boots begun that a file name says; None when it is no entry of ours."""
    match = NAME.fullmatch(name)
    if match is None:
        return None
    tries, failed = match["tries"], match["failed"]
    return Slot(match["slot"].lower()), None if tries is None else int(tries), int(failed or 0)


def parse_entry(name: str, text: str) -> Entry | None:
    """Return the entry that a file is; None when a boot loader would not take it, or it is not ours."""
    found = parse_name(name)
    if found is None or len(text) > TEXT_LIMIT or not text.endswith("\n"):
        return None
    values = dict(_key_and_value(line) for line in text.splitlines() if line.strip())
    slot, tries, failed = found
    if values.get("uki", "").lstrip("/") != slot.uki or not GENERATION.fullmatch(values.get("version", "")):
        return None
    version = values.get("title", "").removeprefix("Ophite ")
    return Entry(slot, int(values["version"]), version, tries, failed, values.get("options", ""))


def _key_and_value(line: str) -> tuple[str, str]:
    key, _, value = line.strip().partition(" ")
    return key, value.strip()


@dataclass(frozen=True, slots=True)
class BootState:
    """What the boot loaders will read: `files`, name → text of what is ours in `loader/entries`; `environment`, GRUB's
    variables, None where the disk has no GRUB (no file), empty when its block is damaged.
    """

    files: Mapping[str, str] = field(default_factory=dict)
    environment: Mapping[str, str] | None = None

    @property
    def entries(self) -> tuple[Entry, ...]:
        """The entries that count, the one that systemd-boot prefers first."""
        parsed = (parse_entry(name, text) for name, text in self.files.items())
        return tuple(sorted((one for one in parsed if one is not None), key=_preference))

    def find(self, slot: Slot) -> Entry | None:
        """Return the preferred entry of a slot."""
        return next((one for one in self.entries if one.slot is slot), None)

    def names(self, slot: Slot) -> tuple[str, ...]:
        """Return every file that is an entry of a slot by its name, whatever it holds."""
        parsed = ((name, parse_name(name)) for name in sorted(self.files))
        return tuple(name for name, found in parsed if found is not None and found[0] is slot)

    @property
    def next_generation(self) -> int:
        """A number above all that are there."""
        return max((one.generation for one in self.entries), default=0) + 1

    @property
    def next_uefi(self) -> Slot | None:
        """The slot that systemd-boot starts next."""
        return self.entries[0].slot if self.entries else None

    @property
    def next_bios(self) -> Slot | None:
        """The slot that GRUB starts next; what it does without a block it does too (slot a)."""
        if self.environment is None:
            return None
        wanted = self.environment.get(TRY) or self.environment.get(DEFAULT) or Slot.A.value
        return Slot.B if wanted == Slot.B.value else Slot.A


def _preference(entry: Entry) -> tuple[bool, int, int, bool]:
    """Order as systemd-boot does: what has no tries left last, then the newest generation first; of equals the name that is
    greater, where a counter makes it so (UAPI group, Version Format Specification).
    """
    return entry.tries == 0, -entry.generation, -ord(entry.slot.value), entry.tries is None


def plan_arm(state: BootState, entry: Entry) -> tuple[FileStep, ...]:
    """Return the steps that have a slot tried once at the next boot. In: `entry`; its generation and counters are set here.

    Raises `SlotError` when no other slot could come back afterwards.
    """
    others = [one for one in state.entries if one.slot is not entry.slot and one.tries is None]
    if not others:
        raise SlotError(
            f"slot {entry.slot.value} cannot be tried: no entry of slot {entry.slot.other.value} would come back after it",
            "let the version that runs prove itself first",
        )
    armed = Entry(entry.slot, state.next_generation, entry.version, 1, 0, entry.options)
    return (
        _write(armed, "one try"),
        *_remove_names(state, entry.slot, armed.file_name, "replaced"),
        *_environment(state, entry.slot.other, entry.slot),
    )


def plan_commit(state: BootState, entry: Entry) -> tuple[FileStep, ...]:
    """Return the steps after which a slot boots for good; none when it does already. Nothing of the other slot changes.

    In: `entry`, what to write when the ESP has none of that slot; else only its slot counts.
    """
    found = state.find(entry.slot) or entry
    above = max((one.generation for one in state.entries if one.slot is not entry.slot), default=0)
    generation = found.generation if found.generation > above else state.next_generation
    good = Entry(entry.slot, generation, found.version, None, 0, found.options)
    steps: list[FileStep] = []
    if state.files.get(good.file_name) != good.render():
        steps.append(_write(good, "no tries counted any more"))
    steps += _remove_names(state, entry.slot, good.file_name, "its tries are over")
    return (*steps, *_environment(state, entry.slot, None))


def plan_disarm(state: BootState, slot: Slot) -> tuple[FileStep, ...]:
    """Return the steps after which nothing boots a slot: before it is written, or after it failed.

    Raises `SlotError` when nothing would boot then.
    """
    if not any(one.slot is not slot and one.tries != 0 for one in state.entries):
        raise SlotError(
            f"slot {slot.value} is the only one that can boot; it is left alone",
            f"slot {slot.other.value} has no usable boot entry on the ESP",
        )
    return (*_environment(state, slot.other, None), *_remove_names(state, slot, "", "nothing may boot it"))


def plan_first(entry: Entry, *, bios: bool) -> tuple[FileStep, ...]:
    """Return the steps for the first entry on a new ESP: the slot boots for good."""
    first = Entry(entry.slot, 1, entry.version, None, 0, entry.options)
    environment = (WriteFile(GRUBENV, _overwrite(entry.slot, None).data, "GRUB's block"),) if bios else ()
    return (*environment, _write(first, "the first"))


def _write(entry: Entry, reason: str) -> WriteFile:
    return WriteFile(f"{ENTRIES}/{entry.file_name}", entry.render().encode(), reason)


def _remove_names(state: BootState, slot: Slot, kept: str, reason: str) -> Iterator[RemoveFile]:
    """Yield the removals of a slot's entries but `kept`; FAT does not tell small letters from capitals."""
    for name in state.names(slot):
        if name.lower() != kept:
            yield RemoveFile(f"{ENTRIES}/{name}", reason)


def _environment(state: BootState, default: Slot, attempt: Slot | None) -> tuple[OverwriteFile, ...]:
    """Return the change of GRUB's block; none where the disk has no GRUB, or it says so already."""
    wanted = _overwrite(default, attempt)
    if state.environment is None or dict(state.environment) == grubenv.parse(wanted.data):
        return ()
    return (wanted,)


def _overwrite(default: Slot, attempt: Slot | None) -> OverwriteFile:
    data = grubenv.render({DEFAULT: default.value, TRY: attempt.value if attempt else ""})
    return OverwriteFile(GRUBENV, data, f"default {default.value}, try {attempt.value if attempt else 'none'}")
