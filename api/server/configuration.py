"""ConfigService: apply and read the machine's configuration."""

from api.generated import config_pb2 as pb
from api.server.gate import Caller, Mode
from controllers.runtime.wire_client import WireClient

_MODES = {
    pb.ApplyRequest.MODE_AUTO: "auto",
    pb.ApplyRequest.MODE_STAGED: "staged",
    pb.ApplyRequest.MODE_TRY: "try",
}


class ConfigService:
    """Translates between messages and the brain's `config.*` operations."""

    def __init__(self, brain: WireClient, mode: Mode) -> None:
        self._brain = brain
        self._mode = mode

    async def apply(self, request: pb.ApplyRequest, caller: Caller) -> pb.ApplyResponse:
        """Check a configuration and, unless it is a dry run or has problems, put it in force."""
        params = {
            "data": request.data,
            "mode": _MODES.get(request.mode, str(request.mode)),
            "dry_run": request.dry_run,
            "try_timeout": request.try_timeout,
            "maintenance": self._mode is Mode.MAINTENANCE,
        }
        result = await self._brain.call("config.apply", params)
        problems = [pb.Problem(**problem) for problem in result.pop("problems")]
        return pb.ApplyResponse(**result, problems=problems)

    async def get(self, request: pb.ConfigGetRequest, caller: Caller) -> pb.ConfigGetResponse:
        """Return the configuration in force."""
        return pb.ConfigGetResponse(**await self._brain.call("config.get"))
