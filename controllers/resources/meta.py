"""META: the few texts that outlive every version of the system (docs/lifecycle.md, "META")."""

from __future__ import annotations

from typing import ClassVar

from controllers.runtime.resource import Spec

META = "meta"


class MetaRequest(Spec, frozen=True, kw_only=True):
    """A controller wants a key of META to hold `value`, or to be gone (`delete`); id = key, each key of one controller.

    Done when `MetaValue` shows it. A request that goes away changes nothing in META.
    """

    namespace: ClassVar[str] = META
    columns: ClassVar[tuple[tuple[str, str], ...]] = (("DELETE", "delete"), ("VALUE", "value"))
    value: str = ""
    delete: bool = False


class MetaUserRequest(Spec, frozen=True, kw_only=True):
    """The same for a key of the user's own, `user.*`; id = key, made by the API and gone when it is done."""

    namespace: ClassVar[str] = META
    columns: ClassVar[tuple[tuple[str, str], ...]] = (("DELETE", "delete"), ("VALUE", "value"))
    value: str = ""
    delete: bool = False


class MetaValue(Spec, frozen=True, kw_only=True):
    """What a key of META holds, durably; id = key."""

    namespace: ClassVar[str] = META
    aliases: ClassVar[tuple[str, ...]] = ("meta",)
    columns: ClassVar[tuple[tuple[str, str], ...]] = (("VALUE", "value"),)
    value: str


class MetaStatus(Spec, frozen=True, kw_only=True):
    """Where META is and how it goes; id `meta`. It appears with the first successful read, together with the values.

    `place`: partition or file; `durable`: it outlives a reboot; `generation`: of the copy that counts, 0 where nothing
    valid is; `size`: bytes in use; `error`: why the last write failed; `refused`: requests that break a rule of META.
    """

    namespace: ClassVar[str] = META
    columns: ClassVar[tuple[tuple[str, str], ...]] = (("PLACE", "place"), ("SIZE", "size"), ("ERROR", "error"))
    place: str
    durable: bool
    generation: int = 0
    size: int = 0
    error: str = ""
    refused: tuple[str, ...] = ()


class EmergencyNotice(Spec, frozen=True, kw_only=True):
    """The boot before this one ended because PID 1 gave up; id `emergency`. `at`: UTC, as its clock said."""

    namespace: ClassVar[str] = META
    columns: ClassVar[tuple[tuple[str, str], ...]] = (("REASON", "reason"), ("AT", "at"))
    reason: str
    at: str = ""
