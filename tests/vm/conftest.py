"""Versions to install and upgrade to, and which moments of chance the tests take.

`OPHITE_SOAK=1` runs what takes hours, `OPHITE_KILLS` says how many power cuts, `OPHITE_SEED` repeats a run's choices.
"""

from __future__ import annotations

import os
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest

from tests.conftest import ARTIFACTS, Progress
from tests.harness.lifecycle import Node
from tests.harness.nodes import destroy
from tests.harness.versions import Version, build_version

KILLS = int(os.environ.get("OPHITE_KILLS") or 60)
MakeNode = Callable[..., Node]


@dataclass(frozen=True)
class Chance:
    """Where moments come from. The seed is in every failure."""

    seed: int

    def stream(self, name: str) -> random.Random:
        """Choices that depend on the seed and on nothing else that was chosen."""
        return random.Random(f"{self.seed}/{name}")


@pytest.fixture(scope="session")
def chance(progress: Progress) -> Chance:
    """This run's seed, said aloud."""
    found = Chance(int(os.environ.get("OPHITE_SEED") or random.SystemRandom().randrange(1 << 32)))
    progress(f"OPHITE_SEED={found.seed} OPHITE_KILLS={KILLS}")
    return found


@pytest.fixture(scope="session")
def build(progress: Progress) -> Callable[[Version], Version]:
    """Builds each version once."""
    built: set[str] = set()

    def make(version: Version) -> Version:
        if version.number not in built:
            build_version(version, progress)
            built.add(version.number)
        return version

    return make


@pytest.fixture(scope="module")
def make_node(progress: Progress, request: pytest.FixtureRequest) -> Iterator[MakeNode]:
    """Makes nodes that are gone at the end of the module; one that failed leaves its traces."""
    before = request.session.testsfailed
    made: list[Node] = []

    def make(name: str, version: Version, **fields: object) -> Node:
        made.append(Node.make(progress, name, version.directory, **fields))
        return made[-1]

    yield make
    for node in made:
        if request.session.testsfailed > before:
            node.running.save_artifacts(ARTIFACTS / node.cluster.name)
        destroy(node.cluster.name)
