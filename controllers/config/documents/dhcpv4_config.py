"""DHCPv4Config: DHCP on one link."""

from typing import Annotated, Self

import msgspec

from controllers.config import checks
from controllers.config.document import Document
from controllers.config.problem import Problem


class DHCPv4Config(Document, frozen=True, kw_only=True):
    """DHCPv4 on a link. Without any such document every physical link without static addresses uses DHCP."""

    named = True
    partial = True
    columns = (("METRIC", "route_metric"), ("IGNORE", "ignore"))

    name: Annotated[str, msgspec.Meta(description="Name of the link, such as `eth0`.")]
    route_metric: Annotated[int, msgspec.Meta(description="Metric of the routes that DHCP brings.", ge=1, le=2**32 - 1)] = 1024
    ignore: Annotated[bool, msgspec.Meta(description="True: no DHCP on this link.")] = False

    def validate(self) -> list[Problem]:
        return checks.check_link_name(self, "name", self.name)

    @classmethod
    def example(cls) -> Self:
        return cls(name="eth0", route_metric=512)
