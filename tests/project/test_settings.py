"""The settings as a process reads them from its environment."""

import json
import os
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as django_settings

pytestmark = pytest.mark.siege  # each starts a process or two

PRODUCTION = {
    "SECRET_KEY": "only-for-tests-0123456789-0123456789-0123456789-abcdef",
    "DATABASE_URL": "postgres://nobody@127.0.0.1:9/nothing",
    "SITE_URL": "https://shop.example.com",
    "ALLOWED_HOSTS": "shop.example.com",
    "EMAIL_URL": "smtp://127.0.0.1:9",
    "BEHIND_TLS": "true",
    "TRUSTED_PROXY_COUNT": "1",
}


@pytest.fixture
def var(tmp_path: Path) -> Iterator[Path]:
    """A folder that is not there yet, for processes whose umask hides nothing."""
    before = os.umask(0o022)
    yield tmp_path / "fresh" / "var"
    os.umask(before)


def run(
    var: Path,
    code: str,
    begin: str = "import django; django.setup()",
    **environment: str,
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", f"{begin}\n{code}"],
        cwd=django_settings.BASE_DIR,
        env={
            "PATH": os.environ["PATH"],
            "PYTHONWARNINGS": "ignore",
            "DJANGO_SETTINGS_MODULE": "project.settings",
            "ENV_FILE": os.devnull,
            "VAR_DIR": str(var),
            **environment,
        },
        capture_output=True,
        text=True,
        timeout=60,
    )


def told(var: Path, code: str, **environment: str) -> Any:
    done = run(var, f"import json\n{code}", **environment)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def setting(var: Path, asked: str, **environment: str) -> Any:
    """What *asked* is in the settings `s`. No app is loaded: that takes half of a second."""
    code = f"import json\nprint(json.dumps({asked}))"
    begin = "from django.conf import settings as s"
    done = run(var, code, begin, **environment)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def modes(var: Path) -> dict[str, str]:
    return {
        str(path.relative_to(var)): oct(stat.S_IMODE(path.stat().st_mode))
        for path in sorted((var, *var.rglob("*")))
    }


OPEN_DATABASE_AND_MAIL = """
from django.core.mail import send_mail
from django.core.management import call_command
from django.db import connection
call_command("migrate", "sessions", verbosity=0)
connection.cursor().execute("CREATE TABLE one (id int)")
send_mail("A link", "that works", None, ["ada@example.com"])
import pathlib, django.conf
print(json.dumps(sorted({path.suffix: oct(path.stat().st_mode & 0o777)
    for path in pathlib.Path(django.conf.settings.VAR_DIR).rglob("*") if path.is_file()}.items())))
"""


def test_nobody_else_on_the_machine_reads_database_mail_or_key(var: Path) -> None:
    found = dict(told(var, OPEN_DATABASE_AND_MAIL))
    assert {".log", ".sqlite3", ".sqlite3-wal", ".sqlite3-shm"} < set(found)
    assert set(found.values()) == {"0o600"}
    assert modes(var)["."] == "0o700"


def test_what_an_earlier_release_left_open_is_closed(var: Path) -> None:
    var.mkdir(parents=True)
    for name in ("secret-key", "holdfast.sqlite3"):
        (var / name).write_text("k" * 64 if name == "secret-key" else "")
    told(var, "print(1)")
    assert modes(var) == {
        ".": "0o755",  # ours only by default; another one may be shared on purpose
        "holdfast.sqlite3": "0o600",
        "secret-key": "0o600",
    }


@pytest.mark.parametrize("content", ["", "\n", "cut"])
def test_a_secret_key_that_is_empty_is_named(var: Path, content: str) -> None:
    var.mkdir(parents=True)
    (var / "secret-key").write_text(content)
    done = run(var, "")
    assert done.returncode != 0
    sentence = f"{var / 'secret-key'} is empty or cut short. Delete it"
    assert sentence in done.stderr.splitlines()[-1]


def test_a_var_dir_that_cannot_be_made_is_named(var: Path) -> None:
    var.parent.mkdir()
    var.write_text("a file")
    done = run(var, "")
    assert f"VAR_DIR is {var}" in done.stderr.splitlines()[-1]
    assert "Set VAR_DIR" in done.stderr


def test_a_variable_that_is_set_to_nothing_is_as_one_that_is_not_set(var: Path) -> None:
    urls = "s.CACHES['default']['BACKEND'], s.DATABASES['default']['ENGINE'], s.EMAIL_BACKEND"
    switches = "s.BEHIND_TLS, s.SQS_WAIT_SECONDS, s.SQS_ENDPOINT_URL"
    names = (
        *("CACHE_URL", "DATABASE_URL", "EMAIL_URL"),
        *("BEHIND_TLS", "SQS_WAIT_SECONDS", "SQS_ENDPOINT_URL"),
    )
    empty = setting(var, f"[{urls}, {switches}]", **dict.fromkeys(names, ""))
    assert empty[:3] == setting(var, f"[{urls}]")
    assert empty[3:] == [False, 20, ""]


def test_where_nothing_of_var_is_needed_its_absence_stops_nothing(var: Path) -> None:
    var.parent.mkdir()
    var.write_text("a file")
    assert run(var, "", **PRODUCTION).returncode == 0


@pytest.mark.parametrize("name", ["API_KEYS", "STAFF_SECOND_FACTOR"])
def test_a_word_that_a_setting_does_not_know_is_named(var: Path, name: str) -> None:
    done = run(var, "", **{name: "Required"})
    assert done.returncode != 0
    sentence = f"{name} is 'Required'. Set it to off, optional or required."
    assert sentence in done.stderr.splitlines()[-1]


ANSWERS = """
from django.test import Client
client = Client(HTTP_HOST="shop.example.com", raise_request_exception=False)
asked = [("/healthz", True), ("/", False), ("/", True), ("/nothing", True), ("/api/nothing", True),
    ("/static/site.css", True), ("/admin/login/", True), ("/orders/new", True)]
answers = [(path, client.get(path, secure=tls)) for path, tls in asked]
answers.append(("host", client.get("/", secure=True, HTTP_HOST="other.example.com")))
print(json.dumps({
    "policies": [(path, answer.headers.get("Permissions-Policy", ""),
                  answer.headers.get("Content-Security-Policy", "")) for path, answer in answers],
    "codes": [answer.status_code for _, answer in answers],
    "hsts": answers[2][1].headers.get("Strict-Transport-Security"),
    "cookies": [morsel.OutputString() for morsel in client.cookies.values()],
}))
"""


@pytest.fixture(scope="module")
def answered(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The answers of one process behind TLS."""
    return told(tmp_path_factory.mktemp("tls"), ANSWERS, **PRODUCTION, DEBUG="true")


def test_every_answer_names_what_its_page_may_use(answered: Any) -> None:
    assert 301 in answered["codes"]
    assert 404 in answered["codes"]
    assert 400 in answered["codes"]
    for path, permissions, content in answered["policies"]:
        assert "camera=()" in permissions, path
        assert "default-src 'none'" in content, path


def test_behind_tls_cookies_belong_to_this_host_alone(var: Path, answered: Any) -> None:
    cookies = answered["cookies"]
    assert cookies
    for cookie in cookies:
        assert cookie.startswith("__Host-")
        assert "; Secure" in cookie
        assert "Path=/;" in f"{cookie};"
        assert "omain=" not in cookie
    named = "s.SESSION_COOKIE_NAME"
    assert setting(var, named, **PRODUCTION) == "__Host-sessionid"
    assert setting(var, named) == "sessionid"


def test_what_hsts_promises_can_be_turned_off_and_check_stays_quiet(
    var: Path, answered: Any
) -> None:
    everything = answered["hsts"]
    assert everything == "max-age=31536000; includeSubDomains; preload"
    less = {"HSTS_PRELOAD": "false", "HSTS_INCLUDE_SUBDOMAINS": "false"}
    less |= {"HSTS_SECONDS": "60"}
    found = told(var, ANSWERS, **PRODUCTION, **less, DEBUG="true")["hsts"]
    assert found == "max-age=60"
    check = "from django.core.management import call_command; call_command('check', deploy=True, fail_level='WARNING')"
    production = PRODUCTION | {"CACHE_URL": "rediscache://127.0.0.1:9/0"}
    production |= {"SQS_ENDPOINT_URL": "", "AWS_ACCOUNT_ID": "123456789012"}
    done = run(var, check, **production, **less)
    assert done.returncode == 0, done.stderr


def test_a_deploy_by_half_is_told_all_that_is_missing(var: Path) -> None:
    check = "from django.core.management import call_command; call_command('check', deploy=True)"
    var.parent.mkdir()
    var.write_text("a file")
    half = PRODUCTION | {"TRUSTED_PROXY_COUNT": "0", "EMAIL_URL": f"filemail:///{var}"}
    told_of = run(var, check, **half).stderr
    for name in ("TRUSTED_PROXY_COUNT", "EMAIL_URL", "CACHE_URL", "VAR_DIR"):
        assert name in told_of


def test_a_number_of_proxies_that_lets_clients_name_their_address_is_refused(
    var: Path,
) -> None:
    done = run(var, "", **PRODUCTION | {"TRUSTED_PROXY_COUNT": "-1"})
    assert "Set it to the number of your proxies" in done.stderr


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("SQS_WAIT_SECONDS", "soon", "SQS_WAIT_SECONDS is 'soon'. Set it to a whole number."),
        ("TRUSTED_PROXY_COUNT", "1.5", "TRUSTED_PROXY_COUNT is '1.5'. Set it to a whole number."),
        ("FIFO_QUEUES", "nope", "FIFO_QUEUES names 'nope'; the queues are orders, signups, returns, emails, jobs. Name some of these, or none."),
        ("LOG_FORMAT", "xml", "LOG_FORMAT is 'xml'. Set it to keys or json."),
        ("LOG_LEVEL", "LOUD", "LOG_LEVEL is 'LOUD'. Set it to DEBUG, INFO, WARNING, ERROR or CRITICAL."),
        ("LOG_LEVELS", "intake:LOUD", "LOG_LEVELS names 'intake:LOUD'. Write it like processing:DEBUG"),
        ("BEHIND_TLS", "maybe", "BEHIND_TLS is 'maybe'. Set it to true or false."),
        ("EMAIL_URL", "nonsense://me:s3cret@host", "EMAIL_URL cannot be read. Write it like smtp+tls://"),
        ("CACHE_URL", "nonsense://me:s3cret@host", "CACHE_URL cannot be read. Write it like rediscache://"),
        ("DATABASE_URL", "nonsense://me:s3cret@host/x", "DATABASE_URL cannot be read. Write it like postgres://"),
    ],
)  # fmt: skip
def test_a_variable_that_cannot_be_read_is_named_with_the_way_out(
    var: Path, name: str, value: str, sentence: str
) -> None:
    environment = {"SECRET_KEY": "x" * 60, name: value}
    done = run(var, "", **environment)
    assert done.returncode != 0
    assert sentence in done.stderr.splitlines()[-1]
    assert "s3cret" not in done.stderr


def test_a_machine_of_many_makes_no_secret_of_its_own(var: Path) -> None:
    environment = {
        name: one for name, one in PRODUCTION.items() if name != "SECRET_KEY"
    }
    done = run(var, "", **environment)
    assert done.returncode != 0
    assert "SECRET_KEY" in done.stderr.splitlines()[-1]
    assert not list(var.iterdir())


def test_a_commit_to_sqlite_is_on_the_disk_and_writers_wait_in_line(var: Path) -> None:
    code = """
from django.db import connection
def one(sql):
    with connection.cursor() as cursor:
        return cursor.execute(sql).fetchone()[0]
print(json.dumps([one(f"PRAGMA {name}") for name in ("synchronous", "journal_mode", "busy_timeout")] + [connection.transaction_mode]))
"""
    assert told(var, code) == [2, "wal", 20_000, "IMMEDIATE"]


def test_what_a_worker_writes_is_nobody_elses(var: Path) -> None:
    code = "import os, project.celery; print(os.umask(0))"
    assert told(var, code) == 0o077


def test_a_web_process_waits_for_the_database_no_longer_than_it_can(var: Path) -> None:
    code = """
import project.wsgi
from processing.database import patience
print(json.dumps([patience.of_this_process.left(), patience.STATEMENT]))
"""
    left, longest = told(var, code, SQS_ENDPOINT_URL="http://127.0.0.1:9")
    assert left == longest + 1


def test_a_cache_that_hangs_is_given_up_unless_its_address_says_otherwise(
    var: Path,
) -> None:
    options = "s.CACHES['default']['OPTIONS']"
    address = "rediscache://127.0.0.1:9/0"
    assert setting(var, options, CACHE_URL=address) == {
        "socket_timeout": 0.2,
        "socket_connect_timeout": 0.2,
    }
    patient = setting(var, options, CACHE_URL=f"{address}?socket_timeout=2")
    assert (float(patient["socket_timeout"]), patient["socket_connect_timeout"]) == (
        2,
        0.2,
    )
