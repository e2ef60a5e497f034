"""What is wrong with a configuration: one line for a person, with the place and the way out.

`node.yaml: HostnameConfig.hostname: 70 characters, the limit is 63 (shorten it)`
"""

from controllers.runtime.errors import RuntimeFault
from controllers.runtime.resource import Part


class Problem(Part, frozen=True, kw_only=True):
    """One thing that is wrong. `document` is `Kind` or `Kind[name]`, `path` the field in it as written in YAML."""

    message: str
    hint: str = ""
    file: str = ""
    document: str = ""
    path: str = ""

    def __str__(self) -> str:
        field = self.path if self.path.startswith("[") or not self.document else f".{self.path}"
        where = f"{self.document}{field if self.path else ''}"
        text = ": ".join(part for part in (self.file, where, self.message) if part)
        return f"{text} ({self.hint})" if self.hint else text


class ConfigError(RuntimeFault):
    """A configuration that cannot be used; `problems` are all of them."""

    def __init__(self, problems: list[Problem]) -> None:
        lines = "\n".join(f"  {problem}" for problem in problems)
        count = "1 problem" if len(problems) == 1 else f"{len(problems)} problems"
        super().__init__(f"the configuration has {count}:\n{lines}")
        self.problems = tuple(problems)
