"""`version`: what is installed. `serving`: what the API server serves with."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any

import msgspec

from controllers.config.documents.api_config import ROLES, ApiConfig
from controllers.machine.operations.events import merge
from controllers.machine.operations.table import Nothing, method
from controllers.resources.machine import VersionInfo
from controllers.resources.pki import ApiServing

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
        """Stream mode, certificate, key, client authority and allowed roles, now and whenever they change."""
        last: dict[str, Any] = {}
        async for _ in merge(store, (ApiServing, ApiConfig), contents=True):
            now = await describe_serving(store)
            if now and now != last:
                yield now
                last = now

    return [method("version", Nothing, version), method("serving", Nothing, serving)]


async def describe_serving(store: Store) -> dict[str, Any]:
    """Return what the API server serves with, as builtins; nothing while there is no certificate."""
    serving, config = await store.find(ApiServing, "api"), await store.find(ApiConfig, "default")
    if serving is None:
        return {}
    return {
        "mode": serving.spec.mode,
        "certificate": serving.spec.certificate,
        "key": serving.spec.key,
        "client_ca": serving.spec.client_ca,
        "roles": list(config.spec.allowed_roles if config else ROLES),
    }
