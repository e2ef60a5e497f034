"""`install`: ask for an installation, or for another attempt, as a resource that the installer carries out."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from controllers.machine.operations.table import Request, method
from controllers.resources.install import InstallPhase, InstallRequest, InstallStatus
from controllers.runtime.errors import OperationError
from controllers.runtime.resource import new, replace

if TYPE_CHECKING:
    from controllers.ports import Ports
    from controllers.runtime.store import Store
    from controllers.runtime.wire import Method

ID = "install"
OWNER = "api"
URL = re.compile(r"https://[!-~]{1,2000}")
PATH_LIMIT = 300


class Install(Request, frozen=True, kw_only=True):
    """`disk`: path of a disk, empty for the configuration's; `image`: https URL of a bundle, empty for the medium's."""

    disk: str = ""
    wipe: bool = False
    image: str = ""


def methods(store: Store, ports: Ports) -> list[Method]:
    """Return the lines of the table."""

    async def install(request: Install) -> float:
        """Ask for it; return when, by which the status names the request. Raises `OperationError` where it makes no sense."""
        check_request(request)
        if ports.cmdline.get("ophite.root") == "verity":
            hint = "`ophite upgrade` changes its version; to install afresh, start it from a medium"
            raise OperationError("failed_precondition", "this node runs from its disk", hint)
        status = await store.find(InstallStatus, ID)
        if status is not None and status.spec.phase in (InstallPhase.RUNNING, InstallPhase.INSTALLED):
            message = f"an installation is under way: {status.spec.step or status.spec.message}"
            raise OperationError("failed_precondition", message, "watch it: ophite get installstatus")
        wanted = InstallRequest(disk=request.disk, wipe=request.wipe, image=request.image, requested=ports.clock.wall())
        before = await store.find(InstallRequest, ID)
        if before is None:
            await store.create(new(ID, wanted, owner=OWNER))
        else:
            await store.update(replace(before, wanted), owner=OWNER)
        return wanted.requested

    return [method("install", Install, install)]


def check_request(request: Install) -> None:
    """Raise `OperationError` for a disk or an image that nothing could be made of."""
    if request.disk and (not request.disk.startswith("/dev/") or len(request.disk) > PATH_LIMIT):
        raise OperationError("invalid_argument", f"{request.disk[:64]!r} is no disk", "a path such as /dev/sda")
    if request.image and not URL.fullmatch(request.image):
        raise OperationError("invalid_argument", f"{request.image[:64]!r} is no https URL", "https://HOST/PATH of a bundle")
