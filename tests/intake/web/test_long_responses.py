"""Long responses of the web server that fail, and that nobody waits for any more."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.intake.web.site import LONG
from tests.intake.web.test_server import HEAD, Serving, body_of, unchunked
from tests.live import wait_for

END = b"\r\n".join(HEAD) + b"\r\n\r\n"
KEPT = b"GET /%b HTTP/1.1\r\nHost: shop.example.com\r\n\r\n"


@pytest.fixture
def serving(tmp_path: Path) -> Iterator[Serving]:
    serving = Serving(tmp_path, TMPDIR=str(tmp_path))
    yield serving.wait()
    serving.kill()


def open_files(pid: int) -> int:
    return len(os.listdir(f"/proc/{pid}/fd"))


def pipes(serving: Serving) -> list[Path]:
    return list(serving.folder.glob("holdfast-web-*"))


@pytest.mark.parametrize("version", [b"1.0", b"1.1"])
def test_a_response_that_fails_halfway_does_not_pass_for_a_whole_one(
    serving: Serving, version: bytes
) -> None:
    (pid,) = serving.children()
    before = open_files(pid)
    with serving.connection() as other:
        for _ in range(4):  # more than there are threads
            with pytest.raises(ConnectionResetError):
                serving.ask(b"GET /halfway HTTP/%b\r\n" % version + END)
        other.sendall(b"GET /long HTTP/1.1\r\n" + END)
        assert unchunked(body_of(other.makefile("rb").read())) == b"".join(LONG)
    assert "ValueError: the rest is not to be had" in serving.log.read_text()
    wait_for(lambda: open_files(pid) <= before)


def test_a_client_that_leaves_before_its_long_response_begins_frees_its_thread(
    serving: Serving,
) -> None:
    for _ in range(2):  # as many as there are threads
        with serving.connection() as leaves:
            for _ in range(3):
                leaves.sendall(KEPT % b"long")
                answer = b""
                while not answer.endswith(b"\r\n0\r\n\r\n"):
                    answer += leaves.recv(65536)
                assert unchunked(body_of(answer)) == b"".join(LONG)
            leaves.sendall(KEPT % b"late")
            wait_for((serving.folder / "inside").exists)
            (serving.folder / "inside").unlink()
    (serving.folder / "go").touch()
    assert body_of(serving.get(b"pid"))
    wait_for(lambda: not pipes(serving))
