"""What a configuration document is: a frozen type, one kind per file, with field docs, checks and an example.

A document is a resource too: the active configuration's documents live in namespace `config` under their kind, with
their name (or `default`) as id. YAML names are camelCase; `apiVersion` and `kind` belong to the file, not to the type.
"""

from typing import ClassVar, Self

from controllers.config.problem import Problem
from controllers.runtime.resource import Spec

API_VERSION = "ophite/v1"
CONFIG = "config"
DEFAULT_ID = "default"


class Document(Spec, frozen=True, kw_only=True, rename="camel"):
    """Base of every kind. `named`: there may be many, told apart by their field `name`."""

    abstract = True
    namespace = CONFIG
    named: ClassVar[bool] = False
    partial: ClassVar[bool] = False
    """Whether it may be applied alone in maintenance mode (network documents)."""

    @property
    def id(self) -> str:
        """The resource's id: the name, or `default` for a kind that there is one of."""
        return str(getattr(self, "name", "")) if self.named else DEFAULT_ID

    @property
    def title(self) -> str:
        """How messages call it: `LinkConfig[eth0]`, `HostnameConfig`."""
        kind = type(self).__name__
        return f"{kind}[{self.id}]" if self.named else kind

    def problem(self, path: str, message: str, hint: str = "") -> Problem:
        """Return a problem of this document at a YAML path."""
        return Problem(document=self.title, path=path, message=message, hint=hint)

    def validate(self) -> list[Problem]:
        """Return everything that is wrong with this document alone."""
        return []

    @classmethod
    def example(cls) -> Self:
        """Return a valid document, for the reference page and for tests."""
        raise TypeError(f"{cls.__name__} has no example")
