"""`version`: what is installed. `serving`: what the API server serves with."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any

import msgspec

from controllers.machine.operations.table import Nothing, method
from controllers.resources.machine import VersionInfo
from controllers.resources.pki import ApiServing
from controllers.runtime.store import Change

if TYPE_CHECKING:
    from controllers.ports import Ports
    from controllers.runtime.store import Store
    from controllers.runtime.wire import Method


def methods(store: Store, ports: Ports) -> list[Method]:
    """Return the lines of the table."""

    async def version(request: Nothing) -> dict[str, Any]:
        """Return the fields of `VersionInfo`; empty ones while the node is still finding out."""
        found = await store.find(VersionInfo, "version")
        empty = VersionInfo(version="", kubernetes="", kernel="", board="", arch="")
        fields: dict[str, Any] = msgspec.to_builtins(found.spec if found else empty)
        return fields

    async def serving(request: Nothing) -> AsyncIterator[dict[str, Any]]:
        """Stream mode, certificate, key and client authority, now and whenever they change."""
        async for event in store.watch(ApiServing, "api"):
            if event.resource is not None and event.change in (Change.CREATED, Change.UPDATED):
                spec = event.resource.spec
                yield {
                    "mode": spec.mode,
                    "certificate": spec.certificate,
                    "key": spec.key,
                    "client_ca": spec.client_ca,
                }

    return [method("version", Nothing, version), method("serving", Nothing, serving)]
