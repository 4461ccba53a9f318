import gc
import subprocess
import sys
from types import SimpleNamespace

import pytest
from celery import signals

from processing.worker.pools import refuse_without_time_limits
from project.celery import app
from tests.live import WORKER


@pytest.mark.siege
@pytest.mark.parametrize(("pool", "module"), [("threads", "thread"), ("solo", "solo")])
def test_a_pool_that_ends_no_task_is_refused_at_the_start(
    pool: str, module: str
) -> None:
    command = [sys.executable, "-m", *WORKER.split(), "--pool", pool]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert ended.returncode == 1
    assert f"The pool celery.concurrency.{module} has no time limits" in ended.stderr
    assert "--pool prefork" in ended.stderr


@pytest.mark.parametrize("pool", ["threads", "solo"])
def test_a_pool_without_time_limits_is_named_with_the_way_out(pool: str) -> None:
    with pytest.raises(SystemExit, match="has no time limits.*--pool prefork"):
        refuse_without_time_limits(SimpleNamespace(pool_cls=pool))


def test_the_pool_that_ends_a_task_is_taken() -> None:
    refuse_without_time_limits(SimpleNamespace(pool_cls="prefork"))


def test_before_a_fork_the_collector_lets_go_of_what_the_processes_share() -> None:
    shared = [{"an": "object"}]
    assert any(one is shared for one in gc.get_objects())
    try:
        signals.worker_before_create_process.send(sender=app)
        assert gc.get_freeze_count() > 1_000
        assert not any(one is shared for one in gc.get_objects())
    finally:
        gc.unfreeze()
