"""LinkConfig: one network link with its static addresses and routes."""

from typing import Annotated, Self

import msgspec

from controllers.config import checks
from controllers.config.document import Document
from controllers.config.problem import Problem
from controllers.runtime.resource import Part


class RouteConfig(Part, frozen=True, kw_only=True, rename="camel"):
    """A route over the link."""

    destination: Annotated[str, msgspec.Meta(description="Network (CIDR) or `default`.")]
    gateway: Annotated[
        str, msgspec.Meta(description="Address of the router. Empty: the destination is on the link itself.")
    ] = ""
    metric: Annotated[
        int,
        msgspec.Meta(description="Of several routes to one destination the lowest metric wins.", ge=1, le=2**32 - 1),
    ] = 1024


class LinkConfig(Document, frozen=True, kw_only=True):
    """A link: up or down, MTU, static addresses and routes. A link with static addresses does not use DHCP unless a
    DHCPv4Config names it.
    """

    named = True
    partial = True
    columns = (("UP", "up"), ("MTU", "mtu"), ("ADDRESSES", "addresses"))

    name: Annotated[str, msgspec.Meta(description="Name of the link, such as `eth0`.")]
    up: Annotated[bool, msgspec.Meta(description="Whether the link is up.")] = True
    mtu: Annotated[int, msgspec.Meta(description="Largest packet in bytes; 0 leaves it alone.", ge=0, le=65535)] = 0
    addresses: Annotated[
        tuple[str, ...], msgspec.Meta(description="Static addresses with prefix length, such as `192.0.2.10/24`.")
    ] = ()
    routes: Annotated[tuple[RouteConfig, ...], msgspec.Meta(description="Static routes over this link.")] = ()

    def validate(self) -> list[Problem]:
        found = checks.check_link_name(self, "name", self.name)
        if 0 < self.mtu < 576:
            found.append(self.problem("mtu", f"{self.mtu} is too small", "at least 576 (RFC 791), at least 1280 for IPv6"))
        found += checks.check_addresses(self, "addresses", self.addresses)
        for index, route in enumerate(self.routes):
            if route.destination != "default":
                found += checks.check_networks(self, f"routes[{index}].destination", (route.destination,), indexed=False)
            elif not route.gateway:
                found.append(
                    self.problem(f"routes[{index}].gateway", "missing", "a default route needs the address of a router")
                )
            if route.gateway:
                found += checks.check_address(self, f"routes[{index}].gateway", route.gateway)
        return found

    @classmethod
    def example(cls) -> Self:
        return cls(name="eth0", addresses=("192.0.2.10/24",), routes=(RouteConfig(destination="default", gateway="192.0.2.1"),))
