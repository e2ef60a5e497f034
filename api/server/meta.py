"""MetaService: a few texts that outlive every version of the system."""

from api.generated import meta_pb2 as pb
from api.server.gate import Caller
from controllers.runtime.wire_client import WireClient


class MetaService:
    """Translates between messages and the brain's `meta.*` operations."""

    def __init__(self, brain: WireClient) -> None:
        self._brain = brain

    async def get(self, request: pb.MetaGetRequest, caller: Caller) -> pb.MetaGetResponse:
        """Return one key or all."""
        return pb.MetaGetResponse(**await self._brain.call("meta.get", {"key": request.key}))

    async def set(self, request: pb.MetaSetRequest, caller: Caller) -> pb.MetaSetResponse:
        """Set one of the user's keys."""
        await self._brain.call("meta.set", {"key": request.key, "value": request.value})
        return pb.MetaSetResponse()

    async def delete(self, request: pb.MetaDeleteRequest, caller: Caller) -> pb.MetaDeleteResponse:
        """Delete one of the user's keys."""
        await self._brain.call("meta.delete", {"key": request.key})
        return pb.MetaDeleteResponse()
