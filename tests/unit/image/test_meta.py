"""META in an image: the node's own codec reads it, and hostile values are refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from image.errors import ImageError
from image.meta import find_problems, parse_words, render_meta
from init.linux.meta import Meta, parse_copy, read_meta, render_copy

VALUES = {"user.site": "berlin", "user.text": 'ä " \\ \n'}


def test_the_node_writes_the_same_bytes() -> None:
    assert render_meta(VALUES) == render_copy(Meta(1, VALUES))
    assert parse_copy(render_meta(VALUES)) == Meta(1, VALUES)


def test_a_fresh_partition_is_read(tmp_path: Path) -> None:
    partition = tmp_path / "meta"
    partition.write_bytes(render_meta(VALUES).ljust(1 << 20, b"\0"))
    assert read_meta(str(partition)) == Meta(1, VALUES)


def test_words() -> None:
    assert parse_words(["user.a=1", "user.b=x=y", "user.c="]) == {"user.a": "1", "user.b": "x=y", "user.c": ""}
    assert parse_words([]) == {}


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (["user.a"], "user.a: not KEY=VALUE"),
        (["user.a=1", "user.a=2"], "user.a: twice"),
        (["upgrade=x"], "upgrade: not user."),
        (["user.A=x"], "user.A: not user."),
        (["user.a=" + "x" * 4097], "user.a: 4097 bytes, the limit is 4096"),
        ([f"user.k{n}=x" for n in range(65)], "65 keys, the limit is 64"),
    ],
)
def test_what_does_not_fit_is_said(words: list[str], problem: str) -> None:
    with pytest.raises(ImageError, match="--meta: ") as caught:
        parse_words(words)
    assert problem in caught.value.message


def test_all_values_together_have_a_limit() -> None:
    assert find_problems({f"user.k{n}": "x" * 4000 for n in range(20)}) == ["more than 65536 bytes in all"]
    assert find_problems({f"user.k{n}": "ä" * 2000 for n in range(8)}) == ["more than 65536 bytes in all"]  # escaped in JSON
