"""SysctlConfig: kernel settings."""

import re
from typing import Annotated, Self

import msgspec

from controllers.config.document import Document
from controllers.config.problem import Problem

_KEY = re.compile(r"[A-Za-z0-9_-]+([./][A-Za-z0-9_:@-]+)+")


class SysctlConfig(Document, frozen=True, kw_only=True):
    """Kernel settings (sysctl). They add to the hardening that the system sets itself, and win over it."""

    sysctls: Annotated[
        dict[str, str],
        msgspec.Meta(description='Dotted key to value, such as `vm.max_map_count: "262144"`.', max_length=256),
    ]

    def validate(self) -> list[Problem]:
        found = []
        for key, value in self.sysctls.items():
            if not _KEY.fullmatch(key) or len(key) > 128:
                found.append(
                    self.problem(f"sysctls[{key[:64]}]", "not a kernel setting", "a dotted key such as `vm.swappiness`")
                )
            if len(value) > 1024 or "\n" in value or "\0" in value:
                found.append(
                    self.problem(
                        f"sysctls[{key[:64]}]",
                        "the value is too long or has more than one line",
                        "at most 1024 characters",
                    )
                )
        return found

    @classmethod
    def example(cls) -> Self:
        return cls(sysctls={"vm.max_map_count": "262144"})
