"""What an upgrade does to the machine, as two ports: the bundle and the slots. `disk_ports.py` is the real thing.

Every method may raise a `LifecycleFault`; none touches the slot that runs.
"""

from __future__ import annotations

from collections.abc import Awaitable
from typing import NamedTuple, Protocol

from controllers.lifecycle.progress import Say
from controllers.resources.lifecycle import SlotStatus
from controllers.resources.machine import VersionInfo


class Opened(NamedTuple):
    """A bundle whose signature, sizes and hashes are right. `bundle` identifies it: the SHA-256 of its manifest."""

    bundle: str
    version: str
    root_hash: str


class BundlePort(Protocol):
    """The one bundle that is spooled on this node."""

    def fetch(self, source: str, say: Say) -> Awaitable[None]:
        """Spool the bundle from `https://…` or `oci://…`."""
        ...

    def open(self, say: Say) -> Awaitable[Opened]:
        """Check the spooled bundle as a whole: signature, then sizes and hashes."""
        ...

    def check(self, node: VersionInfo, running_hash: str) -> Awaitable[None]:
        """Refuse the bundle when it is not for a machine like this one."""
        ...

    def drop(self) -> Awaitable[None]:
        """Remove what is spooled, if anything."""
        ...


class SlotPort(Protocol):
    """The slots of the system disk and their boot entries."""

    def look(self) -> Awaitable[dict[str, SlotStatus]]:
        """Return what the slots hold, by id; empty where the node does not run from a slot."""
        ...

    def check(self, slot: str) -> Awaitable[None]:
        """Refuse when the spooled bundle does not fit into the slot or the ESP."""
        ...

    def write(self, slot: str, words: tuple[str, ...], say: Say) -> Awaitable[None]:
        """Write the spooled bundle into a slot, all but its boot entry. In: `words`, further kernel arguments."""
        ...

    def arm(self, slot: str, version: str) -> Awaitable[None]:
        """Have the boot loader try a slot once, at the next boot. In: the version that it holds."""
        ...

    def commit(self, slot: str) -> Awaitable[None]:
        """Have the boot loader take a slot from now on."""
        ...

    def disarm(self, slot: str) -> Awaitable[None]:
        """Have the boot loader take the other slot from now on."""
        ...
