"""Encrypted volumes (LUKS2) by cryptsetup(8): made, opened, closed, and their key slots kept as the configuration says.

Keys reach the program through a memfd that it inherits, never by argv, environment or disk. The key derivation is argon2id
with 64 MiB and four passes, about the second choice of RFC 9106 (section 4), so that a small machine can open what a big one
made. Trap: a changed key can only be put in with one that still works, which the new configuration no longer has; so
what opened a volume is remembered for this boot, in /run, which root alone may read.
"""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from controllers.block.luks_keys import AddKey, LuksError, RemoveSlot, SlotKey, SlotStep, plan_slots
from controllers.machine import programs
from controllers.machine.programs import ProgramError

__all__ = ["HEADER", "Luks", "LuksError", "LuksPort", "SlotKey", "mapper_name", "mapper_path"]

HEADER = 16 << 20
"""Bytes at the beginning of the device that LUKS2 takes: both copies of its metadata, and the key slots."""
MEMORY = 64 << 10  # KiB
PASSES, THREADS = 4, 4
SECONDS = 60.0
"""The limit of one call of the program, before patience: it derives a key per slot that it tries."""
NO_KEY = "ended with status 2"  # cryptsetup(8), "RETURN CODES": no permission, bad passphrase
ENVIRONMENT = {"PATH": "/usr/bin", "LC_ALL": "C", "DM_DISABLE_UDEV": "1"}  # there is no udevd to wait for
_PBKDF = ("--pbkdf", "argon2id", "--pbkdf-memory", str(MEMORY), "--pbkdf-parallel", str(THREADS))
PBKDF = (*_PBKDF, "--pbkdf-force-iterations", str(PASSES))


class LuksPort(Protocol):
    """What the volume controller needs. All raise `LuksError` with a text for the user, or `ProgramError`."""

    async def format(self, device: str, label: str, key: SlotKey) -> None:
        """Make an encrypted volume with one key; what was on the device is lost."""
        ...

    async def open(self, device: str, name: str, keys: Sequence[SlotKey]) -> int:
        """Open a volume as `mapper_path(name)` and return the slot that did it, -1 when it is open already."""
        ...

    async def close(self, name: str) -> None:
        """Close a volume; one that is not open is fine."""
        ...

    async def sync(self, device: str, keys: Sequence[SlotKey]) -> list[str]:
        """Make the key slots those of `keys`, and return what was done."""
        ...


def mapper_name(label: str) -> str:
    """Return the name of the mapping of the volume with this partition label."""
    return f"luks-{label}"


def mapper_path(name: str) -> str:
    """Return the device of a mapping."""
    return f"/dev/mapper/{name}"


class Luks:
    """The real thing. In: `bin_`, where cryptsetup is; `kept`, a directory in /run for keys that opened a volume."""

    def __init__(self, bin_: Path, kept: Path, patience: float = 1.0) -> None:
        self._program = str(bin_ / "cryptsetup")
        self._kept = kept
        self._limit = SECONDS * patience

    async def format(self, device: str, label: str, key: SlotKey) -> None:
        """Keep `LuksPort.format`."""
        shape = ("--type", "luks2", "--cipher", "aes-xts-plain64", "--key-size", "512", "--hash", "sha256", "--label", label)
        slot = ("--key-slot", str(key.slot))
        with _secret(key) as (fd, path):
            await self._run("luksFormat", "--batch-mode", *shape, *PBKDF, *slot, "--key-file", path, device, fds=[fd])
        self._remember(device, key)

    async def open(self, device: str, name: str, keys: Sequence[SlotKey]) -> int:
        """Keep `LuksPort.open`."""
        if _is_open(name):
            return -1
        opener = await self._find_opener(device, keys, await self.slots(device), name)
        if opener is None:
            raise LuksError(_explain_closed(device, keys))
        self._remember(device, opener)
        return opener.slot

    async def close(self, name: str) -> None:
        """Keep `LuksPort.close`."""
        if _is_open(name):
            await self._run("close", name)

    async def sync(self, device: str, keys: Sequence[SlotKey]) -> list[str]:
        """Keep `LuksPort.sync`."""
        present = await self.slots(device)
        remembered = self._recall(device)
        fitting = [key for key in keys if key.slot in present and (key == remembered or await self._fits(device, key))]
        if len(fitting) == len(keys) == len(present):
            return []
        opener = fitting[0] if fitting else None
        if opener is None:
            candidates = [remembered, *keys] if remembered else keys
            opener = await self._find_opener(device, candidates, present)
        if opener is None:
            raise LuksError(_explain_closed(device, keys))
        steps = plan_slots(present, [key.slot for key in fitting], keys, opener)
        for step in steps:
            await self._execute(device, step)
            if isinstance(step, AddKey):  # what was remembered may be wiped next
                self._remember(device, SlotKey(step.slot, step.key.secret))
        self._remember(device, keys[0])
        return [step.describe() for step in steps]

    async def slots(self, device: str) -> set[int]:
        """Return the key slots in use. Raises `LuksError` for what is no LUKS2 volume."""
        output = await self._run("luksDump", "--dump-json-metadata", device)
        try:
            found = json.loads(output[output.index("{") :])
            return {int(slot) for slot in found["keyslots"]}
        except (ValueError, KeyError, TypeError) as error:
            raise LuksError(f"{device}: its LUKS2 metadata make no sense: {error}") from error

    async def _execute(self, device: str, step: SlotStep) -> None:
        with _secret(step.opens_with) as (fd, path):
            if isinstance(step, RemoveSlot):  # without --batch-mode it refuses unless the key opens another slot
                await self._run("luksKillSlot", "--key-file", path, device, str(step.slot), fds=[fd])
                return
            assert isinstance(step, AddKey)
            with _secret(step.key) as (new_fd, new_path):
                options = (*PBKDF, "--key-slot", str(step.slot), "--key-file", path)
                await self._run("luksAddKey", "--batch-mode", *options, device, new_path, fds=[fd, new_fd])

    async def _find_opener(self, device: str, keys: Sequence[SlotKey], present: set[int], name: str = "") -> SlotKey | None:
        """Return the first key that opens the volume, each tried in its own slot first; with `name` it is open then."""
        for key in keys:
            if key.slot in present and await self._fits(device, key, name):
                return key
        for key in keys:
            for slot in sorted(present - {key.slot}):
                moved = SlotKey(slot, key.secret)
                if await self._fits(device, moved, name):
                    return moved
        return None

    async def _fits(self, device: str, key: SlotKey, name: str = "") -> bool:
        """Return whether a key opens its slot; with `name` open the volume by that."""
        target = (device, name) if name else ("--test-passphrase", device)
        with _secret(key) as (fd, path):
            try:
                argv = ("open", "--type", "luks2", "--key-slot", str(key.slot), "--key-file", path)
                await self._run(*argv, *target, fds=[fd])
            except ProgramError as error:
                if error.outcome == NO_KEY:
                    return False
                raise
        return True

    async def _run(self, *words: str, fds: Sequence[int] = ()) -> str:
        return (await programs.run([self._program, *words], self._limit, env=ENVIRONMENT, fds=fds)).text

    def _remember(self, device: str, key: SlotKey) -> None:
        """Keep a key that opens a device, for this boot."""
        self._kept.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = self._file(device)
        temporary = path.with_suffix(".new")
        temporary.unlink(missing_ok=True)
        fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with os.fdopen(fd, "w") as file:
            json.dump({"slot": key.slot, "secret": base64.b64encode(key.secret).decode()}, file)
        temporary.replace(path)

    def _recall(self, device: str) -> SlotKey | None:
        """Return the key that was remembered for a device."""
        try:
            found = json.loads(self._file(device).read_text())
            return SlotKey(int(found["slot"]), base64.b64decode(found["secret"]))
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def _file(self, device: str) -> Path:
        return self._kept / device.strip("/").replace("/", "-")


def _is_open(name: str) -> bool:
    return Path(mapper_path(name)).exists()


@contextmanager
def _secret(key: SlotKey) -> Iterator[tuple[int, str]]:
    """Give a key as a descriptor and the path under which the program that inherits it reads it."""
    fd = os.memfd_create("key")
    try:
        os.write(fd, key.secret)
        yield fd, f"/proc/self/fd/{fd}"
    finally:
        os.close(fd)


def _explain_closed(device: str, keys: Sequence[SlotKey]) -> str:
    slots = ", ".join(str(key.slot) for key in keys) or "none"
    return (
        f"{device} is locked: none of the configured keys (slots {slots}) opens it; "
        "was a passphrase changed? Add the old one in another slot; or the disk comes from another machine"
    )
