"""Golden files of this domain: compared as text, so that every change of what a node renders is seen in review."""

from pathlib import Path

DATA = Path(__file__).parents[2] / "data/kubernetes"
VERSIONS = ("1.20.2", "1.31.0", "1.34.0", "1.36.0")
"""The version that tests run, and current ones."""


def check_golden(name: str, text: str) -> None:
    """Compare with `tests/data/kubernetes/NAME`."""
    assert text == (DATA / name).read_text(), f"{name} differs from what is rendered now"
