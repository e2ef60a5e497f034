"""HardwareService: what the machine is made of."""

from api.generated import hardware_pb2 as pb
from api.server.gate import Caller
from controllers.runtime.wire_client import WireClient


class HardwareService:
    """Translates between messages and the brain's operations on hardware."""

    def __init__(self, brain: WireClient) -> None:
        self._brain = brain

    async def identify(self, request: pb.IdentifyRequest, caller: Caller) -> pb.IdentifyResponse:
        """Have the LEDs blink, or end that."""
        return pb.IdentifyResponse(**await self._brain.call("identify", {"seconds": request.seconds}))
