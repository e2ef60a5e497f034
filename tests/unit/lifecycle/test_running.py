"""The root hash of this boot."""

import pytest

from controllers.lifecycle.running import find_root_hash


@pytest.mark.parametrize(
    ("line", "root_hash"),
    [
        ("", ""),
        ("console=ttyS0 quiet", ""),
        ("ophite.root=verity ophite.verity=ABC:01:7 panic=-1", "abc"),
        ("ophite.verity=aa:1:1 ophite.verity=bb:2:2", "bb"),
        ("xophite.verity=aa:1:1", ""),
        ("ophite.verity", ""),
    ],
)
def test_the_last_one_counts(line: str, root_hash: str) -> None:
    assert find_root_hash(line) == root_hash
