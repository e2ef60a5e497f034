"""InstallService: install a node on one of its disks."""

from api.generated import install_pb2 as pb
from api.server.gate import Caller
from controllers.runtime.wire_client import WireClient


class InstallService:
    """Translates between messages and the brain's `install` operation."""

    def __init__(self, brain: WireClient) -> None:
        self._brain = brain

    async def install(self, request: pb.InstallRequest, caller: Caller) -> pb.InstallResponse:
        """Ask for an installation."""
        params = {"disk": request.disk, "wipe": request.wipe, "image": request.image}
        return pb.InstallResponse(requested=await self._brain.call("install", params))
