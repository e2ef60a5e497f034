"""`version`: what is installed. `serving`: what the API server serves with."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any

import msgspec

from controllers.config.documents.api_config import ROLES, ApiConfig
from controllers.machine.operations.events import merge
from controllers.machine.operations.table import Nothing, method
from controllers.resources.machine import PlatformInfo, VersionInfo
from controllers.resources.pki import ApiServing

if TYPE_CHECKING:
    from pathlib import Path

    from controllers.ports import Ports
    from controllers.runtime.store import Store
    from controllers.runtime.wire import Method


def methods(store: Store, ports: Ports) -> list[Method]:
    """Return the lines of the table."""

    async def version(request: Nothing) -> dict[str, Any]:
        """Return the fields of `VersionInfo`, empty ones while the node is still finding out, and the id of this boot."""
        found = await store.find(VersionInfo, "version")
        empty = VersionInfo(version="", kubernetes="", kernel="", board="", arch="")
        fields: dict[str, Any] = msgspec.to_builtins(found.spec if found else empty)
        return fields | {"boot_id": await find_boot_id(store, ports.paths.proc)}

    async def serving(request: Nothing) -> AsyncIterator[dict[str, Any]]:
        """Stream mode, certificate, key, client authority and allowed roles, now and whenever they change."""
        last: dict[str, Any] = {}
        async for _ in merge(store, (ApiServing, ApiConfig), contents=True):
            now = await describe_serving(store)
            if now and now != last:
                yield now
                last = now

    return [method("version", Nothing, version), method("serving", Nothing, serving)]


async def find_boot_id(store: Store, proc: Path) -> str:
    """Return what changes with every boot: the kernel's boot id and when PID 1 started (proc_pid_stat(5), field 22).

    In namespaces the kernel does not restart with the node, so the first alone would not do. Empty while it is not known.
    """
    platform = await store.find(PlatformInfo, "platform")
    if platform is None:
        return ""
    try:
        fields = (proc / "1/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return platform.spec.boot_id
    return f"{platform.spec.boot_id}-{fields[19]}"


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
