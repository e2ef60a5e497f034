"""The command line of the build."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from image.context import Options
from image.errors import ImageError
from image.options import make_parser, parse_options


def test_words_become_options(tmp_path: Path) -> None:
    words = ["--output", str(tmp_path), "--board", "metal", "--preload", "a.tar", "--preload", "b.tar", "--quiet"]
    words += ["--set", "edac", "--set", "edac", "--base-url", "https://x.example/"]
    words += ["--format", "iso", "--format", "raw", "--format", "iso", "--meta", "user.a=b"]
    options, quiet = parse_options(words)
    assert options == Options(
        tmp_path, board="metal", preload=(Path("a.tar"), Path("b.tar")), formats=("iso", "raw"), meta={"user.a": "b"},
        sets=("edac",), base_url="https://x.example/",
    )  # fmt: skip
    assert quiet


def test_without_words_the_defaults_count(tmp_path: Path) -> None:
    assert parse_options(["--output", str(tmp_path)]) == (Options(tmp_path), False)


@pytest.mark.parametrize(
    "argv",
    [
        [],
        ["--output", "x", "--board", "toaster"],
        ["--output", "x", "--arch", "vax"],
        ["--output", "x", "--format", "zip"],
        ["--output", "x", "--set", "netwrok"],
    ],
)
def test_bad_options_end_with_the_usage(argv: list[str]) -> None:
    with pytest.raises(SystemExit):
        parse_options(argv)


def test_words_replace_what_the_profile_says(tmp_path: Path) -> None:
    profile = tmp_path / "image.yaml"
    profile.write_text("apiVersion: ophite/v1\nkind: ImageProfile\nboard: metal\nformats: [iso]\nmeta: {user.a: b}\n")
    words = ["--output", str(tmp_path), "--profile", str(profile)]
    assert parse_options(words)[0] == Options(tmp_path, board="metal", formats=("iso",), meta={"user.a": "b"})
    said = parse_options([*words, "--board", "cloud", "--meta", "user.c=d"])[0]
    assert said == Options(tmp_path, board="cloud", formats=("iso",), meta={"user.c": "d"})


def test_bad_values_are_an_error_with_a_hint(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match="--meta: a: not KEY=VALUE"):
        parse_options(["--output", str(tmp_path), "--meta", "a"])
    with pytest.raises(ImageError, match="No such file"):
        parse_options(["--output", str(tmp_path), "--profile", str(tmp_path / "none.yaml")])


def test_every_option_has_a_word() -> None:
    words = {action.dest for action in make_parser()._actions} - {"help", "quiet", "profile"}
    assert words == {field.name for field in dataclasses.fields(Options)}
