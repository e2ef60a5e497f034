"""KernelModuleConfig: a kernel module to load, or never to load."""

import re
from typing import Annotated, Self

import msgspec

from controllers.config.document import Document
from controllers.config.problem import Problem

_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")
_PARAMETER = re.compile(r"[A-Za-z0-9_.-]{1,64}(=[^\s\0]{0,512})?")


class KernelModuleConfig(Document, frozen=True, kw_only=True):
    """A kernel module of the image that is loaded at boot, or that is never loaded.

    Drivers of devices load by themselves. `denied` keeps one out, and with it what cannot do without it; what the
    initramfs loads to find the root image is not asked.
    """

    named = True
    columns = (("PARAMETERS", "parameters"), ("DENIED", "denied"))

    name: Annotated[str, msgspec.Meta(description="Name of the module.")]
    parameters: Annotated[tuple[str, ...], msgspec.Meta(description="Parameters, `key=value`.", max_length=32)] = ()
    denied: Annotated[bool, msgspec.Meta(description="Never load it, whatever asks for it.")] = False

    def validate(self) -> list[Problem]:
        found = []
        if not _NAME.fullmatch(self.name):
            found.append(self.problem("name", "not the name of a module", "letters, digits, `-` and `_`, at most 64"))
        if self.denied and self.parameters:
            found.append(self.problem("denied", "a module that is never loaded takes no parameters", "remove one of the two"))
        for index, parameter in enumerate(self.parameters):
            if not _PARAMETER.fullmatch(parameter):
                found.append(self.problem(f"parameters[{index}]", "not a module parameter", "write `key=value` without spaces"))
        return found

    @classmethod
    def example(cls) -> Self:
        return cls(name="nbd", parameters=("nbds_max=16",))
