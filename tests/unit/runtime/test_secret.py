"""Redaction by type."""

from typing import Annotated

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from controllers.runtime.resource import Part, Secret, SecretBytes
from controllers.runtime.secret import redact, secret_fields


class Inner(Part, frozen=True, kw_only=True):
    """Nested."""

    key: Secret = ""
    crt: str = ""


class Outer(Part, frozen=True, kw_only=True):
    """Every place where a secret can be."""

    plain: str = ""
    number: int = 0
    secret: Secret = ""
    raw: SecretBytes = b""
    maybe: Secret | None = None
    many: tuple[Secret, ...] = ()
    named: dict[str, Secret] = {}
    whole: Annotated[Inner | None, msgspec.Meta(extra={"secret": True})] = None
    inner: Inner | None = None
    inners: tuple[Inner, ...] = ()
    by_name: dict[str, Inner] = {}


def test_secret_fields_are_found_wherever_the_type_says_so() -> None:
    assert secret_fields(Outer) == {"secret", "raw", "maybe", "many", "named", "whole"}
    assert secret_fields(Inner) == {"key"}


@given(st.text(min_size=1).map(lambda text: f"s3cr3t{text}"))
def test_no_secret_is_left_and_nothing_else_is_lost(secret: str) -> None:
    inner = Inner(key=secret, crt="public")
    full = Outer(
        plain="plain",
        number=7,
        secret=secret,
        raw=secret.encode("utf-8", "surrogatepass"),
        maybe=secret,
        many=(secret, secret),
        named={"name": secret},
        whole=inner,
        inner=inner,
        inners=(inner,),
        by_name={"one": inner},
    )
    clean = redact(full)
    assert secret not in repr(full)
    assert "s3cr3t" not in str(msgspec.to_builtins(clean))
    assert (clean.plain, clean.number, clean.many) == ("plain", 7, ("[redacted]", "[redacted]"))
    assert clean.named == {"name": "[redacted]"}
    assert clean.inner == Inner(key="[redacted]", crt="public")
    assert clean.by_name["one"].crt == "public"
    assert clean.raw == b"[redacted]"
    assert redact(clean) == clean


def test_empty_secrets_stay_empty_so_that_people_see_what_is_missing() -> None:
    empty = Outer()
    assert redact(empty) is empty
