"""Every file of a deployment starts what `Procfile` starts, and no other thing."""

import re

import pytest
import yaml

from tests.deploy import artefacts
from tests.deploy.artefacts import PROCESSES, PROCFILE, ROOT, loaded, procfile
from tests.documents import README
from tests.project.test_documents import names_read_by_settings


def test_the_image_starts_web() -> None:
    assert artefacts.dockerfile() == {"web": procfile()["web"]}


@pytest.mark.parametrize("read", [artefacts.compose, artefacts.kubernetes])
def test_the_other_processes_have_the_commands_of_the_procfile(read: object) -> None:
    assert callable(read)
    expected = procfile()
    del expected["web"]
    assert read() == expected


@pytest.mark.parametrize("name", PROCESSES)
def test_a_unit_has_the_command_of_the_procfile(name: str) -> None:
    command, environment = artefacts.systemd(name)
    assert command == procfile(environment)[name]


def test_the_readme_shows_the_commands_of_the_procfile() -> None:
    shown = re.findall(
        r"^(?:python -m intake\.web|celery) .*", README, flags=re.MULTILINE
    )
    found = [artefacts.words(line.partition("  #")[0]) for line in shown]
    assert found[1:] == list(procfile().values())[1:]
    assert found[0][:3] == procfile()["web"][:3]


def test_every_step_of_a_release_is_in_the_image_or_run_before_it_starts() -> None:
    migrate, collect = PROCFILE["release"].split(" && ")
    assert collect in (ROOT / "Dockerfile").read_text()
    setup = loaded("compose.yaml")[0]["services"]["setup"]["command"]
    assert setup == ["sh", "-c", f"{migrate} && python manage.py ensure_queues"]
    job = loaded("deploy/kubernetes/release.yaml")[0]["spec"]["template"]["spec"]
    assert job["containers"][0]["args"] == migrate.split()


def test_nginx_adds_the_address_that_it_sees_itself() -> None:
    """What a client says of its own address stands before it, where nobody reads."""
    lines = (ROOT / "deploy/nginx.conf").read_text().splitlines()
    headers = [line.split()[1:3] for line in lines if "proxy_set_header" in line]
    passed = {name: value.rstrip(";") for name, value in headers}
    assert passed["X-Forwarded-For"] == "$proxy_add_x_forwarded_for"
    assert passed["X-Forwarded-Proto"] in ("$scheme", "https")


def test_beat_runs_once_everywhere() -> None:
    spec = loaded("deploy/kubernetes/beat.yaml")[0]["spec"]
    assert (spec["replicas"], spec["strategy"]["type"]) == (1, "Recreate")
    assert "deploy" not in loaded("compose.yaml")[0]["services"]["beat"]


def test_each_process_gets_a_minute_to_stop() -> None:
    """As docs/deploy.md asks for."""
    services = loaded("compose.yaml")[0]["services"]
    assert {services[name]["stop_grace_period"] for name in PROCESSES} == {"60s"}
    units = (ROOT / "deploy/systemd/holdfast-.service.d/common.conf").read_text()
    assert "TimeoutStopSec=60\n" in units
    assert "KillMode=mixed\n" in units
    patch = yaml.safe_load((ROOT / "deploy/kubernetes/pods.yaml").read_text())
    values = {one["path"].rpartition("/")[2]: one["value"] for one in patch}
    assert values["terminationGracePeriodSeconds"] == 60
    web = loaded("deploy/kubernetes/web.yaml")[0]["spec"]["template"]["spec"]
    (container,) = web["containers"]
    # A connection that comes after SIGTERM is reset: the Service must know before.
    assert container["lifecycle"]["preStop"]["exec"]["command"] == ["sleep", "5"]


def test_no_process_is_root() -> None:
    last = re.findall(r"^USER (.*)$", (ROOT / "Dockerfile").read_text(), flags=re.M)
    assert last == ["10001"]
    patch = yaml.safe_load((ROOT / "deploy/kubernetes/pods.yaml").read_text())
    pods = [one["value"] for one in patch if one["path"].endswith("securityContext")]
    job = loaded("deploy/kubernetes/release.yaml")[0]["spec"]["template"]["spec"]
    for context in (pods[0], job["securityContext"]):
        assert (context["runAsNonRoot"], context["runAsUser"]) == (True, 10001)
    common = (ROOT / "deploy/systemd/holdfast-.service.d/common.conf").read_text()
    assert "User=holdfast\n" in common


def test_the_image_holds_the_packages_and_no_tests_secrets_or_state() -> None:
    packages = {"dlq_review", "intake", "processing", "project"}
    rest = {"static", "templates", "manage.py"}
    locked = {"requirements.txt", "requirements-tracing.txt"}
    assert artefacts.shipped() == packages | rest | locked
    first = (ROOT / ".dockerignore").read_text().splitlines()
    assert next(line for line in first if not line.startswith("#")) == "*"


def test_compose_sets_settings_that_exist_and_the_tested_sqs_server() -> None:
    services = loaded("compose.yaml")[0]["services"]
    assert services["web"]["environment"].keys() <= names_read_by_settings()
    version = re.findall(
        r"^(ministack==\S+)", (ROOT / "requirements-dev.txt").read_text(), flags=re.M
    )
    assert f"pip install --quiet {version[0]} " in services["sqs"]["command"][2]


#: Of the commands in Procfile, and of Python.
NO_SETTINGS = {"BIND_HOST", "PORT", "WEB_CONCURRENCY", "PYTHONUNBUFFERED"}


def test_units_and_pods_set_settings_that_exist_and_no_port_twice() -> None:
    units = [artefacts.systemd(name)[1] for name in PROCESSES]
    common = (ROOT / "deploy/systemd/holdfast-.service.d/common.conf").read_text()
    (line,) = re.findall(r"^Environment=(.*)$", common, flags=re.MULTILINE)
    patch = yaml.safe_load((ROOT / "deploy/kubernetes/pods.yaml").read_text())
    (pods,) = [one["value"] for one in patch if one["path"].endswith("/env")]
    of_pods = {one["name"]: one["value"] for one in pods}
    shared = dict(pair.split("=", 1) for pair in line.split())
    for found in (*units, shared, of_pods):
        assert found.keys() - NO_SETTINGS <= names_read_by_settings()
    assert shared["LOG_FORMAT"] == of_pods["LOG_FORMAT"] == "json"
    ports = [one["METRICS_PORT"] for one in units if "METRICS_PORT" in one]
    assert len(set(ports)) == len(ports) == 3  # beat has no metrics


def test_the_workflow_runs_what_must_pass() -> None:
    job = loaded(".github/workflows/ci.yml")[0]["jobs"]["everything"]
    assert job["steps"][-1] == {"run": ".ci/run"}
    assert len((ROOT / ".github/workflows/ci.yml").read_text().splitlines()) <= 13
