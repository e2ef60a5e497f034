"""StateService: every resource of the node, to be read.

The brain knows the types, so this process imports none of them. It decides what a caller may see: `reveal` says that the
caller is an administrator; without it the brain refuses sensitive types and redacts secrets in all others.
"""

from collections.abc import AsyncIterator
from typing import Any

from api.generated import state_pb2 as pb
from api.server.gate import Caller
from controllers.runtime.wire_client import WireClient

_CHANGES = {
    "created": pb.WatchResponse.CHANGE_CREATED,
    "updated": pb.WatchResponse.CHANGE_UPDATED,
    "destroyed": pb.WatchResponse.CHANGE_DESTROYED,
    "bookmark": pb.WatchResponse.CHANGE_BOOKMARK,
}


class StateService:
    """Translates between messages and the brain's `state.*` operations."""

    def __init__(self, brain: WireClient) -> None:
        self._brain = brain

    async def definitions(self, request: pb.DefinitionsRequest, caller: Caller) -> pb.DefinitionsResponse:
        """Describe one type or all."""
        found = await self._brain.call("state.definitions", {"type": request.type})
        return pb.DefinitionsResponse(definitions=[_definition(entry) for entry in found])

    async def get(self, request: pb.GetRequest, caller: Caller) -> pb.GetResponse:
        """Return one resource."""
        params = {
            "type": request.type,
            "namespace": request.namespace,
            "id": request.id,
            "reveal": caller.is_admin,
        }
        return pb.GetResponse(resource=_resource(await self._brain.call("state.get", params)))

    async def list(self, request: pb.ListRequest, caller: Caller) -> pb.ListResponse:
        """Return the selected resources of a type."""
        found = await self._brain.call("state.list", _selection(request, caller))
        return pb.ListResponse(resources=[_resource(entry) for entry in found])

    async def watch(self, request: pb.WatchRequest, caller: Caller) -> AsyncIterator[pb.WatchResponse]:
        """Follow a type."""
        async for event in self._brain.stream("state.watch", _selection(request, caller)):
            resource = event["resource"]
            yield pb.WatchResponse(
                change=_CHANGES[event["change"]], resource=_resource(resource) if resource is not None else None
            )


def _selection(request: pb.ListRequest | pb.WatchRequest, caller: Caller) -> dict[str, Any]:
    return {
        "type": request.type,
        "namespace": request.namespace,
        "id": request.id,
        "labels": dict(request.labels),
        "reveal": caller.is_admin,
    }


def _definition(entry: dict[str, Any]) -> pb.Definition:
    columns = [pb.Column(title=title, path=path) for title, path in entry.pop("columns")]
    return pb.Definition(**entry, columns=columns)


def _resource(entry: dict[str, Any]) -> pb.Resource:
    return pb.Resource(metadata=pb.Metadata(**entry["metadata"]), spec=entry["spec"])
