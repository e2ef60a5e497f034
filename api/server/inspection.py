"""InspectService: controllers, processes, mounts, sockets and memory."""

from api.generated import inspect_pb2 as pb
from api.server.gate import Caller
from controllers.runtime.wire_client import WireClient


class InspectService:
    """Translates between messages and the brain's `inspect.*` operations."""

    def __init__(self, brain: WireClient) -> None:
        self._brain = brain

    async def controllers(self, request: pb.ControllersRequest, caller: Caller) -> pb.ControllersResponse:
        """Return the graph of controllers and resource types."""
        graph = await self._brain.call("inspect.controllers")
        edges = [pb.Edge(**edge) for edge in graph.pop("edges")]
        return pb.ControllersResponse(**graph, edges=edges)

    async def processes(self, request: pb.ProcessesRequest, caller: Caller) -> pb.ProcessesResponse:
        """List the processes of the machine."""
        found = await self._brain.call("inspect.processes")
        processes = [pb.Process(**process) for process in found["processes"]]
        return pb.ProcessesResponse(processes=processes, truncated=found["truncated"])

    async def mounts(self, request: pb.MountsRequest, caller: Caller) -> pb.MountsResponse:
        """List the mounted file systems."""
        return pb.MountsResponse(mounts=[pb.Mount(**mount) for mount in await self._brain.call("inspect.mounts")])

    async def sockets(self, request: pb.SocketsRequest, caller: Caller) -> pb.SocketsResponse:
        """List the listening sockets and who owns them."""
        return pb.SocketsResponse(sockets=[pb.Socket(**one) for one in await self._brain.call("inspect.sockets")])

    async def memory(self, request: pb.MemoryRequest, caller: Caller) -> pb.MemoryResponse:
        """Return what the three own processes, the control groups and the kernel hold in memory."""
        found = await self._brain.call("inspect.memory")
        processes = [pb.MemoryUse(**use) for use in found.pop("processes")]
        groups = [pb.GroupMemory(**group) for group in found.pop("groups")]
        return pb.MemoryResponse(**found, processes=processes, groups=groups)
