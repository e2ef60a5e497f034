"""Archives of the root image → containerd's image store, so that a node needs no registry to start.

What containerd has already under the same name and digest is not imported again: the store is on EPHEMERAL and
outlives a reboot. Imported images are pinned, so that kubelet's garbage collection leaves them alone.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from pathlib import Path

from controllers.machine import programs
from controllers.ports import Ports
from controllers.resources.services import ImageImport, ServiceHealth
from controllers.runtime.controller import Controller, Input, Output, View, Wanted
from controllers.runtime.errors import Waiting
from controllers.services.archives import ArchivedImage, parse_image_list, read_archive
from controllers.services.errors import ImportFailed

PINNED = "io.cri-containerd.pinned=pinned"
RETRY_INTERVAL = 10.0
"""Seconds to the next attempt after a failure, before patience."""

Run = Callable[[Sequence[str], float], Awaitable[str]]
"""Runs a program with a time-out in seconds and returns its output. Raises `ImportFailed`."""


class ImageImportController(Controller):
    """Imports every archive once containerd is healthy."""

    name = "services.ImageImportController"
    inputs = (Input(ServiceHealth, id="containerd"),)
    outputs = (Output(ImageImport),)
    timeout = 600.0

    def __init__(self, ports: Ports, run: Run | None = None) -> None:
        self._directory = ports.paths.images
        self._patience = ports.patience
        self._run = run or run_ctr

    async def reconcile(self, view: View) -> Iterable[Wanted]:
        """One result per archive; a damaged archive does not keep the others away."""
        if not view.get(ServiceHealth, "containerd").spec.healthy:
            raise Waiting("containerd to be healthy")
        archives = await asyncio.to_thread(lambda: sorted(self._directory.glob("*.tar")))
        try:
            present = parse_image_list(await self._ctr(60.0, "list"))
        except ImportFailed as error:
            view.wake_after(RETRY_INTERVAL * self._patience)
            raise Waiting(f"containerd's list of images: {error}") from error
        results = [Wanted(path.name, await self._import(path, present)) for path in archives]
        if any(isinstance(r.spec, ImageImport) and r.spec.error for r in results):
            view.wake_after(RETRY_INTERVAL * self._patience)
        return results

    async def _import(self, path: Path, present: frozenset[ArchivedImage]) -> ImageImport:
        """Import and pin what one archive has and containerd has not."""
        try:
            images = await asyncio.to_thread(read_archive, path)
            if not present.issuperset(images):
                await self._ctr(300.0, "import", str(path))
                for image in images:
                    await self._ctr(60.0, "label", image.name, PINNED)
        except ImportFailed as error:
            return ImageImport(error=str(error))
        return ImageImport(images=tuple(image.name for image in images))

    async def _ctr(self, seconds: float, *args: str) -> str:
        """Run one `ctr images` command in kubelet's namespace."""
        return await self._run(("/usr/bin/ctr", "--namespace", "k8s.io", "images", *args), seconds * self._patience)


async def run_ctr(argv: Sequence[str], seconds: float) -> str:
    """Run `ctr`. Raises `ImportFailed` with what it said."""
    try:
        return (await programs.run(argv, timeout=seconds)).text
    except programs.ProgramError as error:
        raise ImportFailed(str(error)) from error
