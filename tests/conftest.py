import copy
import copyreg
import functools
import gc
import itertools
import os
import socket
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from math import inf
from threading import Condition, RLock
from typing import Any

import pytest
import time_machine
from django.apps import apps
from django.contrib.auth.models import Group
from django.core.management.commands import flush
from django.db import connection, transaction
from moto import mock_aws
from moto.sqs.models import Queue as QueueOfMoto
from moto.sqs.models import sqs_backends
from pytest_django import DjangoDbBlocker, Settings

from processing.s3 import bucket
from processing.sqs import access, batches, publisher, queues
from processing.sqs.provision import ensure_queues
from processing.sqs.topology import QUEUES
from tests import databases, first_migrated, own_transactions
from tests.live import LiveSystem, sqs_server
from tests.s3 import S3

own_transactions.demand()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--database-only",
        action="store_true",
        help="only tests that reach the database: for a second run, on another one",
    )


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_collection() -> Iterator[None]:
    """Keep what the collection makes, millions of objects, out of the garbage collector.

    To walk them over and over takes half the time of a collection, in each process.
    """
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.set_threshold(50_000, 20, 100)
        gc.enable()


def pytest_collection_modifyitems(
    config: pytest.Config, items: list[pytest.Item]
) -> None:
    if not config.getoption("--database-only"):
        return
    left_out = [item for item in items if not _reaches_database(item)]
    config.hook.pytest_deselected(items=left_out)
    items[:] = [item for item in items if _reaches_database(item)]


def _reaches_database(item: pytest.Item) -> bool:
    asked = getattr(item, "fixturenames", ())
    return bool(item.get_closest_marker("django_db")) or any(
        name in asked for name in ("db", "transactional_db", "live_server")
    )


@pytest.fixture(scope="module")
def ministack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveSystem]:
    """An SQS server of its own for the tests of a module, without queues."""
    with sqs_server(tmp_path_factory.mktemp("sqs")) as system:
        yield system


@pytest.fixture
def fifo_orders(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """FIFO_QUEUES=orders. Ask for it before the fixture that makes the queues."""
    make_fifo("orders", settings, monkeypatch)


def make_fifo(name: str, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    queue = replace(QUEUES[name], fifo=True)
    monkeypatch.setitem(QUEUES, name, queue)
    settings.SQS_QUEUE_URLS = {
        one: url + queue.suffix if one in (name, queue.dlq) else url
        for one, url in settings.SQS_QUEUE_URLS.items()
    }


@pytest.fixture(scope="session")
def migrated(
    tmp_path_factory: pytest.TempPathFactory, django_db_modify_db_settings: None
) -> Iterator[first_migrated.Database | None]:
    with first_migrated.database(tmp_path_factory.getbasetemp().parent) as found:
        yield found


@pytest.fixture(scope="session")
def django_db_keepdb(migrated: first_migrated.Database | None) -> bool:
    return migrated is not None and migrated.is_there


@pytest.fixture(scope="session")
def django_db_setup(
    migrated: first_migrated.Database | None,
    django_db_setup: None,
    django_db_blocker: DjangoDbBlocker,
) -> None:
    """The database as the migrations make it, also behind a test that flushes it.

    Django would make its permissions anew, and none of the groups of staff. To put the rows
    of the migrations back takes a third of that time.
    """
    with django_db_blocker.unblock():
        tables = [*apps.get_models(), Group.permissions.through]
        kept = [list(one._base_manager.order_by("pk")) for one in tables]

    def put_back(*_: Any, **__: Any) -> None:
        with transaction.atomic():  # the keys of one table are in another
            for rows in filter(None, kept):
                type(rows[0])._base_manager.bulk_create(rows)

    flush.emit_post_migrate_signal = put_back  # type: ignore[attr-defined]
    if connection.vendor == "postgresql":
        flush.sql_flush = databases.sql_flush  # type: ignore[attr-defined]
    if migrated:
        migrated.share()


#: Kept apart from the clients of other tests, which have no credentials, and for all
#: tests of a process: making one costs a tenth of a second.
clients_of_moto = functools.cache(queues._client.__wrapped__)


class SenderOfMoto:
    """moto's client in place of our quick one, which knows a time limit for a call.

    It answers one call at a time: to two at once, moto may give one message twice.
    """

    def __init__(self, client: Any) -> None:
        self._client = client
        self._alone = RLock()

    def __getattr__(self, name: str) -> Any:
        ask = getattr(self._client, name)

        def answer(*, within: float = inf, **call: Any) -> Any:
            with self._alone:
                return ask(**call)

        return answer


@functools.cache
def senders_of_moto(pid: int, endpoint: str) -> SenderOfMoto:
    return SenderOfMoto(clients_of_moto(pid, endpoint))


@pytest.fixture
def sqs(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The declared queues on moto, in process. Ask for it by name: it costs a moment."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    host = "https://sqs.us-east-1.amazonaws.com/123456789012"
    settings.AWS_ACCOUNT_ID = "123456789012"
    settings.SQS_WAIT_SECONDS = 0
    settings.SQS_QUEUE_URLS = {
        name: f"{host}/{url.rpartition('/')[2]}"
        for name, url in settings.SQS_QUEUE_URLS.items()
    }
    forget_failures()
    # Whatever was looked for before in this process, when there were no keys.
    monkeypatch.setattr(queues, "_credentials", lambda endpoint: access.LOCAL)
    monkeypatch.setattr(queues, "_client", clients_of_moto)
    monkeypatch.setattr(queues, "_sender", senders_of_moto)  # moto is deaf to curl
    with mock_aws():
        make_queues(settings)
        yield


# moto keeps which sources a DLQ takes messages from, and does not tell.
QueueOfMoto.redrive_allow_policy = None  # type: ignore[attr-defined]
QueueOfMoto.BASE_ATTRIBUTES.append("RedriveAllowPolicy")

# A queue of moto has a lock; a copy of the queue has one of its own.
copyreg.pickle(Condition, lambda _: (Condition, ()))
#: The queues of moto, by what their making depends on.
_made: dict[str, Any] = {}


def make_queues(settings: Settings) -> None:
    """The declared queues, as ensure_queues made them once for all tests of this process."""
    backend = sqs_backends[settings.AWS_ACCOUNT_ID][settings.AWS_REGION]
    asked = (QUEUES, settings.SQS_QUEUE_URLS, settings.SQS_MAX_RECEIVE_COUNT)
    key = repr(asked)
    if key not in _made:
        ensure_queues(allow_aws=True)
        _made[key] = copy.deepcopy(backend.queues)
    backend.queues = copy.deepcopy(_made[key])


@pytest.fixture
def standing_clock() -> Iterator[None]:
    """No day, no hour and no window of a rate limit ends during the test."""
    with time_machine.travel(datetime.now(UTC), tick=False):
        yield


@pytest.fixture
def no_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing on this machine says who we are to AWS."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, os.devnull)


@pytest.fixture
def no_sqs(settings: Settings) -> None:
    """An SQS that refuses every connection."""
    settings.SQS_ENDPOINT_URL = "http://127.0.0.1:9"
    forget_failures()


def forget_failures() -> None:
    """As a new process would."""
    batches.forget()
    publisher._batcher.cache_clear()


@pytest.fixture(scope="session")
def s3_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveSystem]:
    """S3, and SNS beside it."""
    with sqs_server(tmp_path_factory.mktemp("s3"), "sns") as system:
        yield system


_buckets = (f"archive-{number}" for number in itertools.count())


@pytest.fixture
def s3(s3_server: LiveSystem, settings: Settings) -> S3:
    """An empty bucket on a real S3 server, which the archive writes to."""
    settings.ARCHIVE_ENDPOINT_URL = s3_server.endpoint
    settings.ARCHIVE_BUCKET = next(_buckets)
    bucket.ensure()
    return S3(settings.ARCHIVE_BUCKET)


@pytest.fixture
def silent() -> Iterator[str]:
    """The address of a server that takes connections and never answers."""
    with socket.create_server(("127.0.0.1", 0), backlog=64) as one:
        yield f"http://127.0.0.1:{one.getsockname()[1]}"
