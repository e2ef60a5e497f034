import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controllers.lifecycle import grubenv
from controllers.lifecycle.errors import SlotError

GOLDEN = Path(__file__).parents[2] / "data/lifecycle/esp/grub/grubenv"
NAMES = st.from_regex(r"[a-z_]{1,12}", fullmatch=True)
VALUES = st.text(st.characters(exclude_categories=("Cs", "Cc")), max_size=20) | st.sampled_from(["\\", "a\nb", "\\\n", "a=b"])


def test_the_block_is_what_the_build_writes() -> None:
    assert grubenv.render({"default": "a", "try": ""}) == GOLDEN.read_bytes()


@settings(deadline=None)
@given(st.dictionaries(NAMES, VALUES, max_size=4))
def test_what_is_rendered_is_read_back(values: dict[str, str]) -> None:
    block = grubenv.render(values)
    assert len(block) == grubenv.SIZE
    assert grubenv.parse(block) == values


def test_all_lines_lie_in_one_sector() -> None:
    with pytest.raises(SlotError, match="512 is the limit"):
        grubenv.render({"default": "x" * 500})


@pytest.mark.parametrize(
    "block",
    [b"", b"#" * 1024, grubenv.render({})[:-1], grubenv.render({}) + b"#", bytes(1024)],
    ids=["empty", "no first line", "short", "long", "zeros"],
)
def test_what_grub_could_not_write_is_no_block(block: bytes) -> None:
    assert grubenv.parse(block) is None


def test_bytes_that_are_no_text_do_not_raise() -> None:
    block = grubenv.HEADER.encode() + b"default=\xff\xfe\ntry\n=x\n"
    assert grubenv.parse(block.ljust(1024, b"#")) == {"default": "\ufffd\ufffd"}


@pytest.mark.skipif(shutil.which("grub-editenv") is None, reason="the package grub-common is not installed")
def test_grubs_own_editor_agrees(tmp_path: Path) -> None:
    path = tmp_path / "grubenv"
    values = {"default": "b", "try": "", "odd": "a\\b c"}
    path.write_bytes(grubenv.render(values))
    listed = subprocess.run(["grub-editenv", str(path), "list"], capture_output=True, text=True, check=True).stdout
    assert listed == "default=b\ntry=\nodd=a\\b c\n"
    subprocess.run(["grub-editenv", str(path), "set", "try=a"], check=True)
    assert grubenv.parse(path.read_bytes()) == values | {"try": "a"}
