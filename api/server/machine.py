"""MachineService: the machine, its power, its services and what they say."""

from collections.abc import AsyncIterator

from api.generated import machine_pb2 as pb
from api.server.gate import Caller, Mode
from controllers.runtime.wire_client import WireClient


class MachineService:
    """Translates between messages and the brain's operations; holds no state."""

    def __init__(self, brain: WireClient, mode: Mode) -> None:
        self._brain = brain
        self._mode = mode

    async def version(self, request: pb.VersionRequest, caller: Caller) -> pb.VersionResponse:
        """Say what is installed, and the mode of this server."""
        return pb.VersionResponse(**await self._brain.call("version"), mode=self._mode.value)

    async def reboot(self, request: pb.PowerRequest, caller: Caller) -> pb.PowerResponse:
        """Ask for a reboot."""
        return await self._power("reboot", request)

    async def shutdown(self, request: pb.PowerRequest, caller: Caller) -> pb.PowerResponse:
        """Ask for power off."""
        return await self._power("poweroff", request)

    async def service_list(self, request: pb.ServiceListRequest, caller: Caller) -> pb.ServiceListResponse:
        """List what PID 1 runs."""
        services = await self._brain.call("services.list")
        return pb.ServiceListResponse(services=[pb.Service(**service) for service in services])

    async def service_restart(self, request: pb.ServiceRestartRequest, caller: Caller) -> pb.ServiceRestartResponse:
        """Restart one service."""
        await self._brain.call("services.restart", {"id": request.id})
        return pb.ServiceRestartResponse()

    async def logs(self, request: pb.LogsRequest, caller: Caller) -> AsyncIterator[pb.LogsResponse]:
        """Stream a service's output."""
        params = {"id": request.id, "follow": request.follow, "tail_bytes": request.tail_bytes}
        async for data in self._brain.stream("services.logs", params):
            yield pb.LogsResponse(data=data)

    async def dmesg(self, request: pb.DmesgRequest, caller: Caller) -> AsyncIterator[pb.DmesgResponse]:
        """Stream the kernel's messages."""
        async for record in self._brain.stream("dmesg", {"follow": request.follow}):
            yield pb.DmesgResponse(**record)

    async def events(self, request: pb.EventsRequest, caller: Caller) -> AsyncIterator[pb.EventsResponse]:
        """Stream what happens."""
        async for event in self._brain.stream("events"):
            yield pb.EventsResponse(**event)

    async def kubeconfig(self, request: pb.KubeconfigRequest, caller: Caller) -> pb.KubeconfigResponse:
        """Hand out the administrator's kubeconfig."""
        return pb.KubeconfigResponse(yaml=await self._brain.call("kubeconfig"))

    async def _power(self, action: str, request: pb.PowerRequest) -> pb.PowerResponse:
        params = {"action": action, "reason": request.reason, "force": request.force}
        return pb.PowerResponse(**await self._brain.call("power", params))
