"""Inside the scenario's namespaces: empty places for a node's files, loopback up, files written as wanted."""

import asyncio
import os
import subprocess
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from controllers.resources.machine import FileSpec, FileStatus
from controllers.runtime.controller import Wanted
from controllers.runtime.resource import Resource, new

ADDRESS = "192.0.2.1"


def prepare(tree: str) -> Path:
    """Hide the host's /run and /var/lib behind empty ones and give loopback an address more.

    Returns where the tree of programs is now: a place that every user may enter.
    """
    for target in ("/run", "/var/lib"):
        subprocess.run(["mount", "-t", "tmpfs", "-o", "mode=755", "test", target], check=True)
    here = Path("/run/tree")
    here.mkdir()
    subprocess.run(["mount", "--bind", tree, str(here)], check=True)
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    subprocess.run(["ip", "address", "add", f"{ADDRESS}/32", "dev", "lo"], check=True)
    return here


def write_files(wanted: Iterable[Wanted]) -> list[Resource[Any]]:
    """Write every FileSpec and return what the file controller would say."""
    statuses: list[Resource[Any]] = []
    for one in wanted:
        assert isinstance(one.spec, FileSpec)
        path = Path(one.spec.path)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(one.spec.content)
        path.chmod(one.spec.mode)
        os.chown(path, one.spec.uid, one.spec.gid)
        statuses.append(new(one.id, FileStatus(path=one.id, sha256=str(hash(one.spec.content)))))
    return statuses


async def eventually(check: Any, what: str, seconds: float = 60.0) -> None:
    """Await `check()` until it returns something empty. Raises `TimeoutError` that says what it waited for."""
    trouble = "never asked"
    try:
        async with asyncio.timeout(seconds):
            while trouble := await check():  # noqa: ASYNC110 - another process is waited for, it sets no event
                await asyncio.sleep(0.1)
    except TimeoutError as error:
        raise TimeoutError(f"{what}: {trouble}") from error
