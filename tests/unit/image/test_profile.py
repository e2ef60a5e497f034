"""The profile: read strictly, with every mistake told, and an id that depends on nothing but what was asked for."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from image.boards import get_board
from image.context import Options
from image.deliver import NAMES
from image.errors import ImageError
from image.profile import describe_profile, identify, parse_profile, read_profile
from image.sets import BASE, SETS
from image.sign import SigningKey

SAMPLE = Path(__file__).parents[2] / "data/image/image.yaml"
HEAD = "apiVersion: ophite/v1\nkind: ImageProfile\n"
KEY = SigningKey(b"", "-----BEGIN PUBLIC KEY-----")


def test_the_sample() -> None:
    top = SAMPLE.parent
    assert read_profile(SAMPLE) == {
        "board": "metal",
        "arch": "amd64",
        "formats": ("iso", "raw"),
        "sets": ("gpu-amd", "usb-serial"),
        "compress": "zstd",
        "kubernetes": "1.33.1",
        "command_line": "console=ttyS1,115200 ip=dhcp",
        "config": top / "node.yaml",
        "preload": (top / "app.tar",),
        "meta": {"user.site": "berlin"},
        "signing_key": top / "key.pem",
    }


def test_what_is_not_said_is_left_to_the_defaults(tmp_path: Path) -> None:
    values = parse_profile(HEAD.encode(), tmp_path / "image.yaml")
    assert values == {}
    assert Options(tmp_path, **values) == Options(tmp_path)


def test_kubernetes_may_be_a_directory_beside_the_profile(tmp_path: Path) -> None:
    (tmp_path / "binaries").mkdir()
    text = f"{HEAD}kubernetes: binaries\n"
    assert parse_profile(text.encode(), tmp_path / "image.yaml") == {"kubernetes": str(tmp_path / "binaries")}


def test_every_mistake_is_told(tmp_path: Path) -> None:
    text = f"""{HEAD}bord: cloud
arch: vax
formats: [raw, floppy]
sets: [edac, wify]
kernelArguments: ["a b"]
meta: {{upgrade: x}}
"""
    with pytest.raises(ImageError) as caught:
        parse_profile(text.encode(), tmp_path / "image.yaml")
    assert caught.value.message.splitlines() == ["image.yaml: ImageProfile.bord: unknown field (did you mean `board`?)"]
    with pytest.raises(ImageError) as caught:
        parse_profile(text.replace("bord", "board").encode(), tmp_path / "image.yaml")
    assert caught.value.message.splitlines() == [
        "image.yaml: ImageProfile.arch: no arch 'vax' (one of: amd64, arm64)",
        f"image.yaml: ImageProfile.formats[1]: no format 'floppy' (one of: {', '.join(NAMES)})",
        f"image.yaml: ImageProfile.sets[1]: no module set 'wify' (one of: {', '.join(SETS)})",
        "image.yaml: ImageProfile.kernelArguments[0]: 'a b' is not one word (one item for each)",
        "image.yaml: ImageProfile.meta.upgrade: not user. and 1 to 58 of a-z 0-9 . - _ (the other keys are the node's)",
    ]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "0 documents"),
        (f"{HEAD}---\n{HEAD}", "2 documents"),
        ("kind: ImageProfile\n", "apiVersion: missing"),
        (HEAD.replace("v1", "v9"), "apiVersion"),
        (HEAD.replace("ImageProfile", "MachineConfig"), "kind"),
        (f"{HEAD}board: cloud\nboard: metal\n", "board: there twice"),
        (f"{HEAD}compress: zip\n", "compress"),
        (f"{HEAD}formats: raw\n", "formats"),
        (f"{HEAD}board: [cloud\n", "line 4"),
        ("[a]", "expected fields"),
        ("a: &x [1]\n" + "b: *x\n" * 300, "aliases"),
    ],
)
def test_what_is_no_profile_is_refused(tmp_path: Path, text: str, problem: str) -> None:
    with pytest.raises(ImageError) as caught:
        parse_profile(text.encode(), tmp_path / "image.yaml")
    assert problem in caught.value.message
    assert caught.value.message.startswith("image.yaml: ")


def test_a_missing_file_is_said(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match=r"image\.yaml: No such file"):
        read_profile(tmp_path / "image.yaml")


def test_the_id_depends_on_content_and_not_on_places(tmp_path: Path) -> None:
    ids = set()
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "node.yaml").write_text("hostname: x")
        options = Options(tmp_path / name, config=tmp_path / name / "node.yaml", formats=("raw", "iso"), mirror=name)
        ids.add(identify(describe_profile(options, KEY)))
        ids.add(identify(describe_profile(replace(options, formats=("iso", "raw", "raw")), KEY)))
    assert len(ids) == 1
    assert len(ids.pop()) == 64


def test_everything_that_changes_the_image_changes_the_id(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).write_text(name)
    (tmp_path / "over").mkdir()
    (tmp_path / "over/x").write_text("x")
    (tmp_path / "kubernetes").mkdir()
    (tmp_path / "kubernetes/kubelet").write_text("mine")
    plain = Options(tmp_path)
    variants = [
        plain,
        replace(plain, board="metal"),
        replace(plain, arch="arm64"),
        replace(plain, formats=("iso",)),
        replace(plain, compress="xz"),
        replace(plain, kubernetes="1.33.1"),
        replace(plain, kubernetes=str(tmp_path / "kubernetes")),
        replace(plain, command_line="quiet"),
        replace(plain, config=tmp_path / "a"),
        replace(plain, config=tmp_path / "b"),
        replace(plain, preload=(tmp_path / "a",)),
        replace(plain, meta={"user.a": "b"}),
        replace(plain, overlay=tmp_path / "over"),
        replace(plain, image_version="9"),
        replace(plain, sets=("edac",)),
        replace(plain, sets=("edac", "power")),
        replace(plain, base_url="https://x.example/"),
    ]
    ids = {identify(describe_profile(options, KEY)) for options in variants}
    assert len(ids) == len(variants)
    assert identify(describe_profile(plain, SigningKey(b"", "another"))) not in ids


def test_sets_that_are_in_anyway_do_not_change_the_id(tmp_path: Path) -> None:
    own = get_board("metal").sets
    wishes = [(), own, (BASE,), *((name,) for name in own)]
    assert len({identify(describe_profile(Options(tmp_path, board="metal", sets=sets), KEY)) for sets in wishes}) == 1
    orders = [("tpm", "infiniband"), ("infiniband", "tpm"), ("tpm", "infiniband", "tpm")]
    assert len({identify(describe_profile(Options(tmp_path, sets=sets), KEY)) for sets in orders}) == 1


def test_the_canonical_form_stays_as_it_is(tmp_path: Path) -> None:
    golden = "75dcd6cd2f642e5d8d6bd9774b8dcc4cb82a892f72b2f2e06c4aea6da2ba64ce"
    assert identify(describe_profile(Options(tmp_path), KEY)) == golden
