"""Which machines are small."""

from __future__ import annotations

from itertools import pairwise

import pytest

from controllers.services.memory_profile import PLENTY, PROFILES, find_profile

MIB = 1 << 20


@pytest.mark.parametrize(
    ("mib", "name"),
    [(0, "plenty"), (400, "small"), (905, "small"), (1024, "small"), (1900, "modest"), (2048, "modest"), (3800, "plenty")],
)
def test_the_sizes_that_machines_have(mib: int, name: str) -> None:
    assert find_profile(mib * MIB).name == name


def test_less_memory_never_means_more_of_it() -> None:
    rows = [*PROFILES, PLENTY]
    assert [row.below for row in PROFILES] == sorted(row.below for row in PROFILES)
    for smaller, larger in pairwise(rows):
        assert smaller.gogc < (larger.gogc or 100)
        assert smaller.evict <= larger.evict
        assert smaller.compressed > larger.compressed


def test_a_machine_of_1_gib_keeps_most_of_it_for_pods() -> None:
    shown = 905  # MiB that the kernel shows of 1 GiB
    profile = find_profile(shown * MIB)
    assert shown - profile.reserved - profile.evict > shown / 2
