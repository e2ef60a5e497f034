"""ResolverConfig: DNS servers and search domains."""

from typing import Annotated, Self

import msgspec

from controllers.config import checks
from controllers.config.document import Document
from controllers.config.problem import Problem


class ResolverConfig(Document, frozen=True, kw_only=True):
    """DNS. What is set here replaces what DHCP brings."""

    partial = True
    columns = (("SERVERS", "nameservers"), ("SEARCH", "search_domains"))

    nameservers: Annotated[
        tuple[str, ...],
        msgspec.Meta(description="Addresses of DNS servers; the resolver uses the first three.", max_length=16),
    ] = ()
    search_domains: Annotated[
        tuple[str, ...], msgspec.Meta(description="Domains that short names are looked up in.", max_length=32)
    ] = ()

    def validate(self) -> list[Problem]:
        found = []
        for index, server in enumerate(self.nameservers):
            found += checks.check_address(self, f"nameservers[{index}]", server)
        for index, domain in enumerate(self.search_domains):
            found += checks.check_dns_name(self, f"searchDomains[{index}]", domain)
        return found

    @classmethod
    def example(cls) -> Self:
        return cls(nameservers=("192.0.2.1", "2001:db8::1"), search_domains=("example.com",))
