"""Small requests pass by the event loop, and none is lost on either way."""

import asyncio
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NoReturn

import pytest
from granian import _futures

from intake.web import handover
from tests.intake.web.test_server import HEAD, Serving, body_of, told
from tests.live import PATIENCE, wait_for


@pytest.fixture(scope="module")
def serving(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    """Its event loop cannot take a request."""
    serving = Serving(tmp_path_factory.mktemp("site"), NO_LOOP="1", PATIENCE="30")
    yield serving.wait()
    serving.kill()


def posted(*headers: bytes) -> bytes:
    return b"\r\n".join((b"POST /echo HTTP/1.1", *HEAD, *headers)) + b"\r\n\r\n"


SMALL = {
    "no body": (posted(), b""),
    "an empty body": (posted(b"Content-Length: 0"), b""),
    "a body": (posted(b"Content-Length: 3"), b"abc"),
    "the largest small body": (posted(b"Content-Length: 500"), b"x" * 500),
}
LARGE = {
    "a larger body": posted(b"Content-Length: 501") + b"x" * 501,
    "a chunked body": posted(b"Transfer-Encoding: chunked") + b"0\r\n\r\n",
    "an unknown coding": posted(b"Transfer-Encoding: gzip, chunked") + b"0\r\n\r\n",
}


@pytest.mark.parametrize("request_", SMALL)
def test_a_small_request_does_not_need_the_loop(
    serving: Serving, request_: str
) -> None:
    head, body = SMALL[request_]
    assert told(serving.ask(head + body))["body"] == body.decode()


@pytest.mark.parametrize("request_", LARGE)
def test_any_other_request_does(serving: Serving, request_: str) -> None:
    assert serving.ask(LARGE[request_]).startswith(b"HTTP/1.1 500 ")


def test_bodies_that_are_slow_hold_no_thread(serving: Serving) -> None:
    """The site has two threads."""
    head, body = SMALL["a body"]
    with (
        serving.connection() as one,
        serving.connection() as other,
        serving.connection() as third,
    ):
        slow = (one, other, third)
        for opened in slow:
            opened.sendall(head + body[:1])
        assert body_of(serving.get(b"pid"))
        for opened in slow:
            opened.sendall(body[1:])
            assert told(opened.makefile("rb").read())["body"] == "abc"


def test_nothing_is_kept_of_bodies_that_were_cut_off(serving: Serving) -> None:
    head, body = SMALL["a body"]
    for _ in range(20):
        with serving.connection() as opened:
            opened.sendall(head + body[:1])
    wait_for(lambda: body_of(serving.get(b"held")) == b"0")


def test_a_body_that_comes_while_threads_work_waits_for_one(tmp_path: Path) -> None:
    serving = Serving(tmp_path, NO_LOOP="1").wait()
    head, body = SMALL["a body"]
    try:
        with serving.connection() as works, serving.connection() as waits:
            works.sendall(b"GET /slow HTTP/1.1\r\n" + b"\r\n".join(HEAD) + b"\r\n\r\n")
            wait_for((tmp_path / "inside").exists)
            waits.sendall(head + body[:2])
            assert told(serving.ask(head + body))["body"] == "abc"
            (tmp_path / "go").touch()
            late = told(waits.makefile("rb").read())["body"]
            assert late == "BadRequest: The body did not arrive within 1 seconds."
            assert works.makefile("rb").read().startswith(b"HTTP/1.1 200 ")
    finally:
        serving.kill()


def test_a_body_that_comes_during_the_stop_is_answered(tmp_path: Path) -> None:
    serving = Serving(tmp_path, PATIENCE="30").wait()
    head, body = SMALL["a body"]
    try:
        with serving.connection() as opened:
            opened.sendall(head + body[:1])
            assert body_of(serving.get(b"pid"))
            serving.process.terminate()
            wait_for(lambda: "Stopping worker-1" in serving.log.read_text())
            opened.sendall(body[1:])
            assert told(opened.makefile("rb").read())["body"] == "abc"
        assert serving.process.wait(PATIENCE) == 0
    finally:
        serving.kill()


def test_a_request_that_cannot_be_taken_goes_to_the_loop(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """An error that is raised to granian would end its thread."""

    def take(watcher: object) -> NoReturn:
        raise SystemExit("not to be taken")

    given: list[object] = []
    monkeypatch.setattr(_futures, "_cbsched_aioschedule", lambda *_: given.append)
    handover.to(take)
    make: Any = _futures._cbsched_aioschedule
    schedule = make(None, None, None)
    schedule("a request")
    assert given == ["a request"]
    assert "not to be taken" in caplog.text


def test_the_loop_calls_at_once_only_what_any_thread_may_call() -> None:
    loop = handover.new_loop()
    called: list[tuple[str, int]] = []

    def note(name: str) -> None:
        called.append((name, threading.get_ident()))

    async def from_a_thread() -> int:
        done = asyncio.Event()

        def call() -> None:
            loop.call_soon_threadsafe(note, "in the loop")
            at_once = handover.AtOnce(lambda: note("at once"))
            loop.call_soon_threadsafe(at_once)
            loop.call_soon(at_once)  # as for a body that was there before
            loop.call_soon_threadsafe(done.set)

        thread = threading.Thread(target=call)
        thread.start()
        await done.wait()
        thread.join()
        return thread.ident or 0

    try:
        thread = loop.run_until_complete(from_a_thread())
    finally:
        loop.close()
        asyncio.set_event_loop(None)
    here = threading.get_ident()
    assert sorted(called) == [
        ("at once", thread),
        ("at once", thread),
        ("in the loop", here),
    ]
