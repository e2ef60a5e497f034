"""Leaving etcd before a member's data is destroyed.

Trap: a member that was removed stops, often before it has answered; then the others know whether it has left. It cannot give
back its lock of absences by itself any more: another member does it, or the lease ends it.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass

from controllers.etcd.client import EtcdClient, Member
from controllers.etcd.lock import release_through
from controllers.etcd.quorum import has_left
from controllers.etcd.status import MakeClient
from controllers.lifecycle.reset_scene import EtcdMember
from controllers.runtime.clock import Clock, within
from controllers.runtime.errors import OperationError, RuntimeFault


@dataclass(frozen=True)
class Departure:
    """How `member` reaches its cluster; `limit`: seconds for each thing that is asked."""

    member: EtcdMember
    make: MakeClient
    clock: Clock
    limit: float

    async def leave(self) -> None:
        """Leave the cluster, unless this is the only member, which has nobody to leave. Raises `OperationError`."""
        client = self.make(self.member.root, self.member.leaf, self.limit / 3)
        try:
            found = await within(self.clock, self.limit, client.members(), "asking etcd for its members")
            others = [one for one in found if one.id != self.member.id]
            if not others:
                return
            await self._remove(client, others)
        except (RuntimeFault, TimeoutError) as error:
            hint = "nothing was destroyed; --no-graceful does not ask etcd"
            raise OperationError("failed_precondition", f"etcd does not let this member go: {error}", hint) from None
        with contextlib.suppress(TimeoutError):
            release = release_through(self._reach(others), self.member.id)
            await within(self.clock, self.limit, release, "releasing etcd's lock of absences")

    async def _remove(self, client: EtcdClient, others: list[Member]) -> None:
        """Have the member removed. Raises as `within`."""
        try:
            await within(self.clock, self.limit, client.remove(self.member.id), "leaving etcd")
        except (RuntimeFault, TimeoutError):
            asked = has_left(self._reach(others), self.member.id)
            if not await within(self.clock, self.limit, asked, "asking etcd whether this member has left"):
                raise

    def _reach(self, others: list[Member]) -> Iterator[EtcdClient]:
        """Return clients of other members, at each address."""
        root, leaf = self.member.root, self.member.leaf
        return (self.make(root, leaf, self.limit / 3, url=url) for one in others for url in one.client_urls)
