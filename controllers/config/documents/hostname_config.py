"""HostnameConfig: the node's name."""

from typing import Annotated, Literal, Self

import msgspec

from controllers.config import checks
from controllers.config.document import Document
from controllers.config.problem import Problem


class HostnameConfig(Document, frozen=True, kw_only=True):
    """The host name. Without this document it comes from DHCP or the kernel command line, else it is `auto: stable`."""

    partial = True
    columns = (("HOSTNAME", "hostname"), ("AUTO", "auto"))

    hostname: Annotated[
        str,
        msgspec.Meta(description="Name of the node, at most 63 characters; what follows the first dot is its domain."),
    ] = ""
    auto: Annotated[
        Literal["off", "stable"],
        msgspec.Meta(description="`stable`: a name made of the machine's identity, the same after each boot."),
    ] = "off"

    def validate(self) -> list[Problem]:
        if bool(self.hostname) == (self.auto == "stable"):
            which = "both are set" if self.hostname else "neither is set"
            return [self.problem("", f"`hostname` or `auto: stable`: {which}", "write exactly one of the two")]
        return checks.check_dns_name(self, "hostname", self.hostname) if self.hostname else []

    @classmethod
    def example(cls) -> Self:
        return cls(hostname="node1.example.com")
