"""`ophite image`: the boards are listed, and their names are completed."""

import json
from typing import Any

import pytest
from click.shell_completion import ShellComplete

from api.cli.root import cli
from api.cli.verbs import image
from image.boards import BOARDS


def complete(words: list[str], incomplete: str) -> list[str]:
    found = ShellComplete(cli, {}, "ophite", "_OPHITE_COMPLETE").get_completions(["image", *words], incomplete)
    return [item.type if item.type != "plain" else item.value for item in found]


def test_boards_are_listed(invoke: Any) -> None:
    result = invoke("image", "boards")
    assert result.exit_code == 0
    lines = result.output.splitlines()
    assert lines[0].split() == ["NAME", "ARCH", "KERNEL", "MACHINES", "TESTED"]
    assert [line.split()[0] for line in lines[1:]] == list(BOARDS)


def test_boards_for_programs(invoke: Any) -> None:
    found = {board["name"]: board for board in json.loads(invoke("image", "boards", "-o", "json").output)}
    assert found["cloud"]["arch"] == ["amd64", "arm64"]
    assert found["raspberry-pi-5"]["kernel"] == [
        f"{kernel.package}/forky" for kernel in BOARDS["raspberry-pi-5"].kernels.values()
    ]
    assert all(board["tested"] for board in found.values())


def test_without_the_builder_it_says_what_to_install(invoke: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(image, "find_spec", lambda name: None)
    result = invoke("image", "boards")
    assert result.exit_code == 1
    assert "install ophite[image]" in result.output
    assert complete(["build", "--board"], "") == []


@pytest.mark.parametrize(
    ("words", "incomplete", "found"),
    [
        (["build", "--board"], "raspberry-pi-z", ["raspberry-pi-zero-2w"]),
        (["build", "--format", "sd", "--board"], "", list(BOARDS)),
        (["build", "--output"], "bu", ["file"]),
        (["flash"], "/dev/s", ["file"]),
        (["flash", "/dev/sdb", "--image"], "", ["file"]),
        ([], "bo", ["boards"]),
    ],
)
def test_completion(words: list[str], incomplete: str, found: list[str]) -> None:
    assert complete(words, incomplete) == found
