"""ResetService: the end of a node as it is."""

from api.generated import reset_pb2 as pb
from api.server.gate import Caller
from controllers.runtime.wire_client import WireClient

_MODES = {
    pb.ResetRequest.MODE_SYSTEM: "system",
    pb.ResetRequest.MODE_USER_DISKS: "user-disks",
    pb.ResetRequest.MODE_ALL: "all",
}
_THEN = {
    pb.ResetRequest.THEN_REBOOT: "reboot",
    pb.ResetRequest.THEN_POWEROFF: "poweroff",
    pb.ResetRequest.THEN_MAINTENANCE: "maintenance",
}


class ResetService:
    """Translates between messages and the brain's `reset` operation."""

    def __init__(self, brain: WireClient) -> None:
        self._brain = brain

    async def reset(self, request: pb.ResetRequest, caller: Caller) -> pb.ResetResponse:
        """Ask for it. An unknown number of an enum goes to the brain as it is, and is refused there by name."""
        params = {
            "mode": _MODES.get(request.mode, str(request.mode)),
            "system_volumes": list(request.system_volumes),
            "user_disks": list(request.user_disks),
            "graceful": not request.abrupt,
            "then": _THEN.get(request.then, str(request.then)),
            "limit": request.limit,
            "force": request.force,
            "forget": request.forget,
            "plan_only": request.plan_only,
        }
        return pb.ResetResponse(**await self._brain.call("reset", params))
