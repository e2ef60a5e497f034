"""JSON for everything that Kubernetes reads: it is YAML too, and always comes out the same."""

import json
from typing import Any


def render_json(value: Any) -> str:
    """Return indented JSON with sorted keys and a newline at the end."""
    return json.dumps(value, indent=1, sort_keys=True) + "\n"


def render_flags(flags: dict[str, str]) -> list[str]:
    """Return `--name=value` for each flag, by name."""
    return [f"--{name}={value}" for name, value in sorted(flags.items())]
