"""LifecycleService: take a bundle, begin an upgrade or a rollback."""

from collections.abc import AsyncIterator

from api.generated import lifecycle_pb2 as pb
from api.server.gate import Caller
from controllers.runtime.wire_client import WireClient


class LifecycleService:
    """Translates between messages and the brain's `lifecycle.*` operations. A bundle goes through piece by piece: the next one
    is read when the brain has the last one, so none waits in memory.
    """

    def __init__(self, brain: WireClient) -> None:
        self._brain = brain

    async def upload(self, requests: AsyncIterator[pb.UploadRequest], caller: Caller) -> pb.UploadResponse:
        """Hand a bundle to the brain."""
        upload = await self._brain.call("lifecycle.upload.begin")
        offset = 0
        async for request in requests:
            await self._brain.call("lifecycle.upload.write", {"upload": upload, "offset": offset, "data": request.data})
            offset += len(request.data)
        return pb.UploadResponse(**await self._brain.call("lifecycle.upload.finish", {"upload": upload}))

    async def upgrade(self, request: pb.UpgradeRequest, caller: Caller) -> pb.UpgradeResponse:
        """Begin an upgrade."""
        params = {
            "source": request.source,
            "bundle": request.bundle,
            "force": request.force,
            "stage": request.stage,
            "window": request.window,
        }
        return pb.UpgradeResponse(request=await self._brain.call("lifecycle.upgrade", params))

    async def rollback(self, request: pb.RollbackRequest, caller: Caller) -> pb.UpgradeResponse:
        """Begin a rollback."""
        params = {"force": request.force, "stage": request.stage, "window": request.window}
        return pb.UpgradeResponse(request=await self._brain.call("lifecycle.rollback", params))
