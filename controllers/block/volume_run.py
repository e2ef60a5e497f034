"""Carries out the steps of a plan: those of encryption with keys by cryptsetup, all others by the disks' port."""

from __future__ import annotations

import errno
from collections.abc import Callable, Sequence

from controllers.block.gpt import GptError
from controllers.block.kernel import DiskPort
from controllers.block.luks import LuksError, LuksPort, SlotKey, mapper_name
from controllers.block.volume_steps import EncryptClose, EncryptFormat, EncryptOpen, EncryptSync, Step
from controllers.machine.programs import ProgramError

Keys = Callable[[str], Sequence[SlotKey]]
"""The keys of a volume, by the unique id of its partition. Raises `LuksError` when there is none."""

FAULTS = (OSError, ValueError, GptError, LuksError, ProgramError)
"""What may go wrong with a disk; each has a text for the user."""


_GONE = "; the disk is gone: attach it again"
HINTS = {
    errno.ENOENT: _GONE,
    errno.ENXIO: _GONE,
    errno.ENODEV: _GONE,
    errno.EIO: "; the disk does not answer as it should: is it attached well, or broken?",
    errno.EROFS: "; the disk is read-only",
    errno.ENOMEM: "; there is not enough free memory",
}


class StepRunner:
    """Both ports as one."""

    def __init__(self, disks: DiskPort, luks: LuksPort) -> None:
        self.disks = disks
        self._luks = luks

    async def run(self, step: Step, keys: Keys) -> None:
        """Carry out one step. Raises what is in `FAULTS`."""
        match step:
            case EncryptFormat():
                await self._luks.format(step.device, step.label, keys(step.partition_uuid)[0])
            case EncryptOpen():
                await self._luks.open(step.device, mapper_name(step.label), keys(step.partition_uuid))
            case EncryptSync():
                await self._luks.sync(step.device, keys(step.partition_uuid))
            case EncryptClose():
                await self._luks.close(mapper_name(step.label))
            case _:
                await self.disks.execute(step)


def explain(fault: Exception) -> str:
    """Return what went wrong in words that help: system calls only know numbers."""
    if not isinstance(fault, OSError):
        return str(fault)
    return f"{fault}{HINTS.get(fault.errno or 0, '')}"


def no_keys(partition_uuid: str) -> Sequence[SlotKey]:
    """Keys where no step should ask for any. Raises `LuksError`."""
    raise LuksError(f"the configuration has no key for partition {partition_uuid}")
