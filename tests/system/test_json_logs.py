"""With LOG_FORMAT=json every line of every process is one JSON object."""

import json
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest
from django.conf import settings as django_settings

from processing.models import Outcome
from processing.sqs import publisher
from tests.builders import order_data
from tests.deploy.artefacts import PROCFILE
from tests.live import PATIENCE, LiveSystem, free_port, wait_for

pytestmark = [
    pytest.mark.siege,
    pytest.mark.worker,
    pytest.mark.django_db(transaction=True),
]
NAMES = ("web", "worker", "jobs", "beat")


def posted(port: int, data: object) -> int:
    body = json.dumps(data).encode()
    headers = {"Content-Type": "application/json"}
    request = Request(f"http://127.0.0.1:{port}/api/orders", body, headers)
    try:
        with urlopen(request, timeout=PATIENCE) as answer:
            return int(answer.status)
    except HTTPError as refused:
        refused.close()
        return refused.code


def lines_of(system: LiveSystem, name: str) -> list[dict[str, Any]]:
    """Each line of a process; fails for one that is no JSON object."""
    lines = system.log(name).splitlines()
    plain = [line for line in lines if not line.startswith("{")]
    assert plain == [], name
    return [json.loads(line) for line in lines]


def test_every_line_of_every_process_is_one_object_and_names_nobody(
    system: LiveSystem,
) -> None:
    port = free_port()
    wanted = {
        "LOG_FORMAT": "json",
        "METRICS_EMF": "true",
        "PORT": str(port),
        "BIND_HOST": "127.0.0.1",
        "VAR_DIR": str(system.folder),
        "DLQ_PULL_SECONDS": "1",
    }
    running = {
        name: system.start_line(
            name, PROCFILE[name], django_settings.BASE_DIR, **wanted
        )
        for name in NAMES
    }
    for name in ("worker", "jobs"):
        wait_for(lambda name=name: " ready." in system.log(name))  # type: ignore[misc]
    wait_for(lambda: "Started worker" in system.log("web"))
    assert posted(port, order_data(email="ada.lovelace@example.com")) == 202
    assert posted(port, order_data(email="no address")) == 400
    publisher.send_raw("orders", "never an event")
    publisher.send_job("processing.relay", "j-1", {"no_such_argument": 1})
    wait_for(Outcome.objects.exists)
    wait_for(lambda: "dead_lettered" in system.log("worker"))
    wait_for(lambda: "Traceback" in system.log("jobs"))
    wait_for(lambda: "Sending due task" in system.log("beat"))
    for process in reversed(running.values()):
        system.stop(process)

    told = {name: lines_of(system, name) for name in NAMES}
    assert [name for name, lines in told.items() if not lines] == []
    accepted = next(one for one in told["web"] if one.get("outcome") == "accepted")
    processed = next(one for one in told["worker"] if one.get("outcome") == "processed")
    assert accepted["request_id"] == processed["request_id"]
    assert (processed["queue"], processed["receive_count"]) == ("orders", 1)
    assert any("exception" in one for one in told["jobs"])
    assert any("granian" in one["logger"] for one in told["web"])
    for name in NAMES:
        assert "lovelace" not in system.log(name)
