"""TimeSyncConfig: where the clock comes from."""

from typing import Annotated, Self

import msgspec

from controllers.config import checks
from controllers.config.document import Document
from controllers.config.problem import Problem


class TimeSyncConfig(Document, frozen=True, kw_only=True):
    """The clock: NTP servers, or the battery-backed clock alone."""

    columns = (("ENABLED", "enabled"), ("SERVERS", "servers"))

    enabled: Annotated[
        bool,
        msgspec.Meta(description="False: no NTP; the hardware clock is believed if it is later than the image's build."),
    ] = True
    servers: Annotated[
        tuple[str, ...],
        msgspec.Meta(
            description="NTP servers, names or addresses. Empty: those that DHCP brings, else `pool.ntp.org`.",
            max_length=16,
        ),
    ] = ()
    boot_timeout: Annotated[
        float,
        msgspec.Meta(
            description="Seconds to wait for an NTP server after boot; then the hardware clock is believed if it is "
            "later than the image's build. 0: wait for ever.",
            ge=0,
            le=86400,
        ),
    ] = 30.0

    def validate(self) -> list[Problem]:
        found = []
        for index, server in enumerate(self.servers):
            found += checks.check_host(self, f"servers[{index}]", server)
        return found

    @classmethod
    def example(cls) -> Self:
        return cls(servers=("ntp.example.com", "192.0.2.1"))
