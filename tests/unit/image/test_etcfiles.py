"""The rendered files of /etc, to the byte."""

from __future__ import annotations

from pathlib import Path

from image import etcfiles


def test_users_have_no_shell_and_no_password() -> None:
    lines = [line.split(":") for line in etcfiles.render_passwd().splitlines()]
    assert {line[0]: int(line[2]) for line in lines} == etcfiles.USERS
    assert {line[-1] for line in lines} == {"/nonexistent"}
    assert {line[1] for line in lines} == {"x"}
    assert etcfiles.render_group().splitlines()[0] == "root:x:0:"


def test_os_release() -> None:
    assert etcfiles.render_os_release("1.2.3", "cloud") == (
        'NAME="Ophite"\nID="ophite"\nPRETTY_NAME="Ophite 1.2.3"\nVERSION_ID="1.2.3"\n'
        'IMAGE_ID="ophite"\nIMAGE_VERSION="1.2.3"\nVARIANT_ID="cloud"\n'
    )


def test_release() -> None:
    assert etcfiles.render_release("1.2.3", "1.20.2", "cloud", "amd64", 7) == (
        '{"arch": "amd64", "board": "cloud", "built": 7, "kubernetes": "1.20.2", "version": "1.2.3"}\n'
    )


def test_certificates_are_joined_in_order(tmp_path: Path) -> None:
    top = tmp_path / "usr/share/ca-certificates/mozilla"
    top.mkdir(parents=True)
    (top / "b.crt").write_text("B\n")
    (top / "a.crt").write_text("A\n")
    assert etcfiles.join_certificates(tmp_path) == "A\nB\n"
