"""KernelModuleConfig: a kernel module to load."""

import re
from typing import Annotated, Self

import msgspec

from controllers.config.document import Document
from controllers.config.problem import Problem

_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")
_PARAMETER = re.compile(r"[A-Za-z0-9_.-]{1,64}(=[^\s\0]{0,512})?")


class KernelModuleConfig(Document, frozen=True, kw_only=True):
    """A kernel module of the image that is loaded at boot."""

    named = True
    columns = (("PARAMETERS", "parameters"),)

    name: Annotated[str, msgspec.Meta(description="Name of the module.")]
    parameters: Annotated[tuple[str, ...], msgspec.Meta(description="Parameters, `key=value`.", max_length=32)] = ()

    def validate(self) -> list[Problem]:
        found = []
        if not _NAME.fullmatch(self.name):
            found.append(self.problem("name", "not the name of a module", "letters, digits, `-` and `_`, at most 64"))
        for index, parameter in enumerate(self.parameters):
            if not _PARAMETER.fullmatch(parameter):
                found.append(self.problem(f"parameters[{index}]", "not a module parameter", "write `key=value` without spaces"))
        return found

    @classmethod
    def example(cls) -> Self:
        return cls(name="nbd", parameters=("nbds_max=16",))
