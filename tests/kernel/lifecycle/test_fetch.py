"""Downloads from real servers on this machine, with TLS."""

import ssl
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from controllers.lifecycle import fetch_http
from controllers.lifecycle.bundle_spool import Spool
from controllers.lifecycle.errors import BundleError, FetchError
from controllers.lifecycle.fetch import fetch
from controllers.lifecycle.fetch_http import Limits
from tests.harness.authority import Authority
from tests.kernel.lifecycle.http_server import Reply, Request, serve
from tests.unit.lifecycle.bundles import KEYS, Recipe

pytestmark = pytest.mark.kernel

DATA = bytes(range(256)) * 10_000


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority()


@pytest.fixture
def limits(tmp_path: Path, authority: Authority) -> Limits:
    (tmp_path / "ca.pem").write_text(authority.pem)
    return Limits(tmp_path / "ca.pem", receive=5.0)


def get(source: str, limits: Limits) -> bytes:
    got = bytearray()
    fetch(source, got.extend, limits)
    return bytes(got)


def always(reply: Reply) -> Callable[[Request], Reply]:
    return lambda _: reply


def test_a_file_comes_whole_over_tls(tmp_path: Path, authority: Authority, limits: Limits) -> None:
    counts: list[int] = []
    with serve(always(Reply(DATA)), tmp_path, authority.server()) as server:
        got = bytearray()
        fetch(f"{server.url}/a/b?c=d", got.extend, limits, counts.append)
    assert got == DATA
    assert counts == sorted(counts)
    assert counts[-1] == len(DATA)
    assert server.requests[0].path == "/a/b?c=d"
    assert server.requests[0].headers["accept-encoding"] == "identity"


def test_a_whole_bundle_is_fetched_into_its_spool(tmp_path: Path, authority: Authority, limits: Limits) -> None:
    data = Recipe().write(tmp_path / "made").read_bytes()
    spool = Spool(tmp_path / "spool/bundle", KEYS)
    with serve(always(Reply(data)), tmp_path, authority.server()) as server:
        fetch(f"{server.url}/x", spool.write, limits)
    assert spool.finish().manifest.version == "2.0"


def test_what_is_no_bundle_stops_the_download(tmp_path: Path, authority: Authority, limits: Limits) -> None:
    spool = Spool(tmp_path / "spool/bundle", KEYS)
    with (
        serve(always(Reply(b"<html>" * 1000)), tmp_path, authority.server()) as server,
        pytest.raises(BundleError, match="no tar file"),
    ):
        fetch(f"{server.url}/x", spool.write, limits)
    assert list((tmp_path / "spool").iterdir()) == []


def test_an_unknown_authority_is_refused(tmp_path: Path, limits: Limits) -> None:
    with (
        serve(always(Reply(DATA)), tmp_path, Authority("other").server()) as server,
        pytest.raises(FetchError, match="certificate is not accepted") as caught,
    ):
        get(f"{server.url}/x", limits)
    assert "time must be right" in caught.value.hint
    assert server.requests == []


@pytest.mark.parametrize("names", ["expired", "other name"])
def test_a_certificate_that_does_not_fit_is_refused(tmp_path: Path, authority: Authority, limits: Limits, names: str) -> None:
    pair = authority.server(days=-1) if names == "expired" else authority.server(addresses=("10.0.0.1",))
    with (
        serve(always(Reply(DATA)), tmp_path, pair) as server,
        pytest.raises(FetchError, match="certificate is not accepted"),
    ):
        get(f"{server.url}/x", limits)


def test_no_authorities_in_the_image_is_said(tmp_path: Path) -> None:
    with pytest.raises(FetchError, match=r"no certificate authorities|No such file"):
        get("https://127.0.0.1:1/x", Limits(tmp_path / "none.pem"))


@pytest.mark.parametrize("status", [400, 401, 403, 404, 206, 204, 500, 503])
def test_only_a_whole_file_counts(tmp_path: Path, authority: Authority, limits: Limits, status: int) -> None:
    with (
        serve(always(Reply(b"" if status == 204 else b"sorry", status)), tmp_path, authority.server()) as server,
        pytest.raises(FetchError, match=f"the server answered {status}"),
    ):
        get(f"{server.url}/x?token=secret", limits)


def test_a_file_that_is_cut_off_is_noticed(tmp_path: Path, authority: Authority, limits: Limits) -> None:
    with (
        serve(always(Reply(DATA, length=len(DATA) + 5)), tmp_path, authority.server()) as server,
        pytest.raises(FetchError, match=rf"cut off after {len(DATA)} of {len(DATA) + 5} bytes|EOF"),
    ):
        get(f"{server.url}/x", limits)


def test_more_than_is_believable_is_refused(
    tmp_path: Path, authority: Authority, limits: Limits, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fetch_http, "MAX_BODY", len(DATA) - 1)
    for length in (None, -1):
        with (
            serve(always(Reply(DATA, length=length)), tmp_path, authority.server()) as server,
            pytest.raises(FetchError, match="more than"),
        ):
            get(f"{server.url}/x", limits)


def test_an_answer_without_a_length_ends_with_the_connection(tmp_path: Path, authority: Authority, limits: Limits) -> None:
    with serve(always(Reply(DATA, length=-1)), tmp_path, authority.server()) as server:
        try:
            assert get(f"{server.url}/x", limits) == DATA
        except FetchError as error:  # some TLS libraries take an end without close_notify for an attack
            assert isinstance(error.__cause__, ssl.SSLError)  # noqa: PT017 - both outcomes are right


def test_a_compressed_answer_is_refused(tmp_path: Path, authority: Authority, limits: Limits) -> None:
    reply = Reply(b"x", headers=(("Content-Encoding", "gzip"),))
    with serve(always(reply), tmp_path, authority.server()) as server, pytest.raises(FetchError, match="compresses"):
        get(f"{server.url}/x", limits)


def redirect(target: str, status: int = 302) -> Reply:
    return Reply(status=status, headers=(("Location", target),))


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirects_are_followed(tmp_path: Path, authority: Authority, limits: Limits, status: int) -> None:
    def answer(request: Request) -> Reply:
        return Reply(DATA) if request.path == "/b/file" else redirect("b/file", status)

    with serve(answer, tmp_path, authority.server()) as server:
        assert get(f"{server.url}/a", limits) == DATA


def test_redirects_have_an_end(tmp_path: Path, authority: Authority, limits: Limits) -> None:
    with (
        serve(always(redirect("/again")), tmp_path, authority.server()) as server,
        pytest.raises(FetchError, match="more than 5 redirects"),
    ):
        get(f"{server.url}/a", limits)
    assert len(server.requests) == 6


@pytest.mark.parametrize("target", ["http://127.0.0.1:1/x", "file:///etc/passwd", "ftp://x/y", "https://[", "oci://a/b:c"])
def test_a_redirect_never_leaves_tls(tmp_path: Path, authority: Authority, limits: Limits, target: str) -> None:
    with (
        serve(always(redirect(target)), tmp_path, authority.server()) as server,
        pytest.raises(FetchError, match=r"plain HTTP is not used|no address of a file|redirects to nowhere"),
    ):
        get(f"{server.url}/a", limits)
    assert len(server.requests) == 1


def test_plain_http_on_this_machine_stays_there(tmp_path: Path, limits: Limits) -> None:
    with serve(always(Reply(DATA)), tmp_path) as server:
        assert get(f"{server.url}/x", limits) == DATA
    with (
        serve(always(redirect("http://192.0.2.1/x")), tmp_path) as server,
        pytest.raises(FetchError, match="plain HTTP is not used"),
    ):
        get(f"{server.url}/x", limits)


def test_a_silent_server_is_not_waited_for(tmp_path: Path, authority: Authority, limits: Limits) -> None:

    over = threading.Event()

    def answer(_: Request) -> Reply:
        over.wait(10)
        return Reply()

    short = Limits(limits.ca_file, receive=0.2)
    with serve(answer, tmp_path, authority.server()) as server:
        with pytest.raises(FetchError, match="no answer in time"):
            get(f"{server.url}/x", short)
        over.set()


def test_a_slow_server_meets_the_limit_of_the_whole(tmp_path: Path, authority: Authority, limits: Limits) -> None:
    now = iter(range(0, 100_000, 10))
    slow = Limits(limits.ca_file, total=25.0, now=lambda: float(next(now)))
    with (
        serve(always(Reply(DATA)), tmp_path, authority.server()) as server,
        pytest.raises(FetchError, match="took longer than 25 s"),
    ):
        get(f"{server.url}/x", slow)


def test_nobody_there_is_said(limits: Limits) -> None:
    with pytest.raises(FetchError, match="Connection refused"):
        get("https://127.0.0.1:1/x", limits)


def test_a_server_that_speaks_something_else_is_said(tmp_path: Path, limits: Limits) -> None:
    with serve(always(Reply(DATA)), tmp_path) as server, pytest.raises(FetchError, match=r"SSL|record"):
        get(server.url.replace("http://", "https://") + "/x", limits)
