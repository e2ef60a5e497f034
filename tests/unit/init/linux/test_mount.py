"""Reading mountinfo."""

from hypothesis import given
from hypothesis import strategies as st

from init.linux.mount import Mount, parse_mountinfo

TEXT = """\
22 1 254:3 / / ro,relatime shared:1 - erofs /dev/dm-0 ro
30 22 0:5 /sub/dir /mnt/a\\040b\\134c rw,nosuid master:1 propagate_from:2 - tmpfs none rw,size=1k
broken line
31 22 0:6 / /x rw
x 22 0:6 / /x rw - tmpfs t rw
"""


def test_lines_with_and_without_optional_fields_and_escapes() -> None:
    assert parse_mountinfo(TEXT) == [
        Mount(22, 1, "254:3", "/", "/", "ro,relatime", "erofs", "/dev/dm-0"),
        Mount(30, 22, "0:5", "/sub/dir", "/mnt/a b\\c", "rw,nosuid", "tmpfs", "none"),
    ]


@given(st.text(alphabet="1 -/\\x\n:", max_size=80))
def test_hostile_text(text: str) -> None:
    assert len(parse_mountinfo(text)) <= text.count("\n") + 1
