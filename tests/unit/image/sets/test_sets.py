"""Module sets: found by their files, chosen by name, turned into the names of modules that a kernel has."""

from __future__ import annotations

from pathlib import Path

import pytest

from image.boards import BOARDS
from image.errors import ImageError
from image.kmod import ModuleInfo, Modules
from image.rootlist import Keep
from image.sets import SETS, choose_sets, expand_modules, expand_stage1, find_sets, list_set_packages, select_packages
from image.sets.moduleset import ModuleSet

DOCUMENT = Path(__file__).parents[4] / "docs/images.md"


def kernel(*paths: str, builtin: tuple[str, ...] = ()) -> Modules:
    found = [ModuleInfo(path.rpartition("/")[2], f"kernel/{path}.ko.xz", (), (), (), ()) for path in paths]
    return Modules("6.1", {module.name: module for module in found}, frozenset(builtin), {})


def test_every_file_is_a_set_of_its_name_and_says_what_it_is_for() -> None:
    assert find_sets() == SETS
    assert {"base", "network-1g", "network-10g", "storage-raid", "gpu-amd", "microcode"} <= set(SETS)
    for name, item in SETS.items():
        assert item.name == name
        assert item.summary
        assert all(reason for reason in item.absent.values())
        assert item.modules or item.stage1 or item.microcode or item.keep


def test_a_set_that_is_not_called_as_its_file_is_a_mistake(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("image.sets.edac.SET", ModuleSet("sensors", "x"))
    with pytest.raises(ValueError, match=r"edac\.py: SET is not a ModuleSet named 'edac'"):
        find_sets()


def test_the_base_comes_first_and_each_set_once() -> None:
    chosen = choose_sets(("edac", "network-1g"), ("edac", "base"))
    assert [item.name for item in chosen] == ["base", "edac", "network-1g"]
    assert [item.name for item in choose_sets()] == ["base"]


def test_the_sets_of_every_board_exist() -> None:
    for board in BOARDS.values():
        assert choose_sets(board.sets)[0] is SETS["base"]


def test_an_unknown_set_is_told_with_those_that_exist() -> None:
    with pytest.raises(ImageError, match=r"no module set 'netwrok'\nhint: one of: .*network-1g"):
        choose_sets(["netwrok"])


def test_words_become_modules() -> None:
    modules = kernel("drivers/hwmon/a", "drivers/hwmon/deep/b", "drivers/net/c", builtin=("d",))
    item = ModuleSet("x", "x", modules=("drivers/hwmon/", "c", "d", "?e", "?drivers/none/"), stage1=("c",))
    assert expand_modules([item], modules) == ["a", "b", "c", "d"]
    assert expand_stage1([item], modules) == ["c"]


def test_what_only_stage_1_is_told_to_load_is_in_the_root_too() -> None:
    item = ModuleSet("x", "x", modules=("a",), stage1=("b",))
    assert expand_modules([item], kernel("drivers/a", "drivers/b")) == ["a", "b"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("nothing",), "set x-y: the kernel 6.1 has no module nothing"),
        (("drivers/nothing/",), "set x-y: the kernel 6.1 has no modules below drivers/nothing/"),
        (("?nothing", "?drivers/nothing/"), "set x-y: the kernel 6.1 has none of its modules"),
    ],
)
def test_what_the_kernel_lacks_is_an_error_that_names_the_set(words: tuple[str, ...], message: str) -> None:
    with pytest.raises(ImageError) as caught:
        expand_modules([ModuleSet("x-y", "x", modules=words)], kernel("drivers/a"))
    assert caught.value.message == message


def test_packages_of_sets_are_of_the_kernels_suite_and_programs_of_the_images() -> None:
    first = ModuleSet("a", "a", firmware=("fw-a", "fw-x:amd64"), keep=(Keep("tool", (), "why"),))
    second = ModuleSet("b", "b", firmware=("fw-a", "fw-y:arm64"), microcode=("mc:amd64",))
    assert list_set_packages([first, second], "amd64") == ["fw-a", "fw-x", "tool", "mc"]
    assert list_set_packages([first, second], "arm64", "forky") == ["fw-a/forky", "tool", "fw-y/forky"]
    assert select_packages(("a", "b:amd64"), "arm64") == ["a"]


def test_a_directory_is_written_with_a_slash_and_a_module_without() -> None:
    for item in SETS.values():
        for word in (*item.modules, *item.stage1):
            assert ("/" in word) == word.endswith("/"), f"{item.name}: {word}"


def test_the_table_of_the_documentation_is_current() -> None:
    rows = [line.split(" | ") for line in DOCUMENT.read_text().splitlines() if line.startswith("| `")]
    table = {name.strip("| `"): summary for name, summary, *_ in rows if name.strip("| `") in SETS}
    assert table == {name: item.summary for name, item in SETS.items()}
