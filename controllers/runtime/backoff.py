"""How long to wait before trying again: 0.5 s × 1.5ⁿ, with jitter, at most 60 s; from the start again after a
success.
"""

from collections.abc import Callable
from random import random

FIRST_SECONDS = 0.5
FACTOR = 1.5
LIMIT_SECONDS = 60.0
JITTER = 0.2
"""The delay is drawn from this share around the exact one, so that what failed together does not retry together."""


class Backoff:
    """The delays of one thing that fails."""

    def __init__(self, draw: Callable[[], float] = random) -> None:
        self._draw = draw
        self.failures = 0
        """Failures since the last success."""

    def fail(self) -> float:
        """Count a failure and return the seconds to wait."""
        exact = min(FIRST_SECONDS * FACTOR ** min(self.failures, 30), LIMIT_SECONDS)
        self.failures += 1
        return min(exact * (1 + JITTER * (2 * self._draw() - 1)), LIMIT_SECONDS)

    def succeed(self) -> None:
        """Start over."""
        self.failures = 0
