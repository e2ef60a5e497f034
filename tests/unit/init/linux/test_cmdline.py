"""The kernel command line, good and hostile."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from init.linux.cmdline import LIMIT, Platform, RootKind, is_hostname, parse_cmdline, parse_verity, split_words
from init.linux.dm import Verity

HASH, SALT = "ab" * 32, "cd" * 32


def test_a_whole_line() -> None:
    line = parse_cmdline(
        f"quiet ophite.root=verity ophite.verity={HASH}:{SALT}:1000 ophite.platform=qemu ophite.patience=20 "
        "ophite.hostname=Node-1 ip=10.0.0.2::10.0.0.1:255.255.255.0::eth0:off panic=0\n"
    )
    assert line.problems == ()
    assert (line.platform, line.patience, line.hostname, line.root) == (Platform.QEMU, 20, "node-1", RootKind.VERITY)
    assert line.verity == Verity(HASH, SALT, 1000)
    assert line.hold
    assert (line.values["quiet"], line.values["ip"]) == ("", "10.0.0.2::10.0.0.1:255.255.255.0::eth0:off")


def test_a_medium() -> None:
    line = parse_cmdline(f"ophite.root=iso ophite.medium=OPHITE ophite.verity={HASH}:{SALT}:1000")
    assert (line.root, line.medium, line.problems) == (RootKind.ISO, "OPHITE", ())
    assert line.disk_root is None
    assert parse_cmdline(f"ophite.root=verity ophite.verity={HASH}::7").disk_root == Verity(HASH, "", 7)


def test_defaults() -> None:
    line = parse_cmdline("")
    assert (line.platform, line.patience, line.hostname, line.root, line.verity) == (Platform.METAL, 1, "", None, None)
    assert not line.hold
    assert line.problems == ()


@pytest.mark.parametrize(
    "word",
    [
        "ophite.platform=moon", "ophite.patience=0", "ophite.patience=-1", "ophite.patience=1001", "ophite.patience=٣",
        "ophite.hostname=-x", "ophite.hostname=", "ophite.root=usb", "ophite.medium=", "ophite.medium=é",
        f"ophite.medium={'x' * 33}", f"ophite.verity={HASH}", f"ophite.verity={HASH}:{SALT}:0",
        f"ophite.verity={HASH[1:]}:{SALT}:1", f"ophite.verity={HASH}:{SALT}:99999999", f"ophite.verity={HASH}:x:1",
    ],
)  # fmt: skip
def test_what_does_not_fit_is_a_problem_and_not_an_error(word: str) -> None:
    line = parse_cmdline(word)
    assert len(line.problems) == 1
    assert line.problems[0].startswith(word.partition("=")[0])
    assert parse_cmdline("")[2:] == line[2:]


def test_the_last_of_a_key_counts_and_quotes_hold_words_together() -> None:
    assert parse_cmdline("a=1 a=2").values["a"] == "2"
    assert split_words(' a="b c" "d e"=f  g""h\tx ') == ["a=b c", "d e=f", "gh", "x"]


def test_the_length_is_bounded() -> None:
    line = parse_cmdline("x" * (LIMIT + 10))
    assert "only 65536 are read" in line.problems[0]
    assert len(next(iter(line.values))) == LIMIT


@pytest.mark.parametrize(("name", "good"), [("a", True), ("a.b-c", True), ("a" * 63, True), ("a" * 64, False), ("a..b", False)])
def test_host_names(name: str, good: bool) -> None:
    assert is_hostname(name) is good
    assert not is_hostname("under_score")


def test_verity_without_salt() -> None:
    assert parse_verity(f"{HASH.upper()}::7") == Verity(HASH, "", 7)


@given(st.text(max_size=300))
def test_nothing_raises(text: str) -> None:
    parse_cmdline(text)
    parse_cmdline("ophite.verity=" + text + " ophite.patience=" + text)
