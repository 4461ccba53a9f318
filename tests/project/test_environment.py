"""A variable is read as its kind, or named with the way out."""

import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured

from project.environment import Environment
from project.settings import process
from project.settings.limits import bounded


class Given(Environment):
    """The environment of a process that has the variable NAME."""

    def __init__(self, text: str | None) -> None:
        super().__init__()
        self.ENVIRON = {} if text is None else {"NAME": text}


def address(one: Environment) -> Any:
    known, example = ("smtp", "filemail"), "smtp://host"
    parse = one.email_url_config
    return one.address("NAME", "filemail:///mail", parse, known, example)


READERS: dict[str, Callable[[Environment], Any]] = {
    "int": lambda one: one.int("NAME", 7),
    "float": lambda one: one.float("NAME", 7.5),
    "bool": lambda one: one.bool("NAME", True),
    "str": lambda one: one.str("NAME", "default"),
    "list": lambda one: one.list("NAME", default=["default"]),
    "word": lambda one: one.one_of("NAME", "off", "optional", "required"),
    "host": lambda one: address(one).get("EMAIL_HOST"),
}


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        ("int", "12", 12),
        ("int", "", 7),
        ("int", " ", 7),
        ("int", None, 7),
        ("float", "1.5", 1.5),
        ("float", " 12 ", 12.0),
        ("float", "1e1", 10.0),
        ("float", "", 7.5),
        ("float", " ", 7.5),
        ("float", None, 7.5),
        *(("bool", text, True) for text in ("true", "on", "1", "YES", "", None)),
        *(("bool", text, False) for text in ("false", "off", "0", "NO", "n", "f")),
        ("str", "", ""),
        *(("str", text, text) for text in ("$ecret", "$$x", "\\$x", " a ")),
        ("str", None, "default"),
        ("list", "a,b", ["a", "b"]),
        ("list", " a, b c ,, ", ["a", "b c"]),
        ("list", "", []),
        ("list", None, ["default"]),
        ("word", None, "off"),
        ("word", "optional", "optional"),
        ("word", "required", "required"),
        ("host", "smtp://mail.example.com", "mail.example.com"),
        ("host", "", None),
    ],
)
def test_a_variable_is_read_as_its_kind(
    kind: str, text: str | None, value: object
) -> None:
    found = READERS[kind](Given(text))
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    ("kind", "text", "sentence"),
    [
        ("int", "soon", "NAME is 'soon'. Set it to a whole number."),
        ("int", "1.5", "NAME is '1.5'. Set it to a whole number."),
        *(
            ("float", text, f"NAME is {text!r}. Set it to a number, such as 0.5.")
            for text in ("soon", "10s", "5m", "50%", "0,5", "1,000", "nan", "inf")
        ),
        ("bool", "maybe", "NAME is 'maybe'. Set it to true or false."),
        ("word", "On", "NAME is 'On'. Set it to off, optional or required."),
        ("host", "no:s3cret@x", "NAME cannot be read. Write it like smtp://host"),
        ("host", "smtp://[s3cret", "NAME cannot be read. Write it like smtp://host"),
    ],
)
def test_a_variable_that_cannot_be_read_is_named(
    kind: str, text: str, sentence: str
) -> None:
    with pytest.raises(ImproperlyConfigured) as refused:
        READERS[kind](Given(text))
    assert str(refused.value) == sentence


@pytest.mark.parametrize(
    ("scheme", "parse", "rest"),
    [
        *(
            (*kind, rest)
            for kind in (
                ("smtp", Environment.email_url_config),
                ("postgres", Environment.db_url_config),
            )
            for rest in ("me:s3cret/x@host", "host:s3cret")
        ),
        ("smtp", Environment.email_url_config, "[s3cret]/0"),
        ("rediscache", Environment.cache_url_config, "[s3cret]/0"),
    ],
)
def test_no_trace_at_start_repeats_what_may_be_a_password(
    scheme: str, parse: Callable[[str], dict[str, Any]], rest: str
) -> None:
    given = Given(f"{scheme}://{rest}")
    with pytest.raises(ImproperlyConfigured) as refused:
        given.address("NAME", "", parse, [scheme], f"{scheme}://host")
    assert "s3cret" not in "".join(traceback.format_exception(refused.value))


def test_a_folder_that_cannot_keep_a_key_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setattr(process, "VAR_DIR", tmp_path / "file")
    with pytest.raises(ImproperlyConfigured) as refused:
        process.machine_secret()
    said = f"VAR_DIR is {tmp_path / 'file'}, where a secret key cannot be kept: "
    assert str(refused.value).startswith(f"{said}Not a directory. Set VAR_DIR to")
    monkeypatch.setattr(process, "VAR_DIR", tmp_path)
    assert process.machine_secret() == process.machine_secret()
    assert (tmp_path / "secret-key").read_text() == process.machine_secret()


REDIS = "django.core.cache.backends.redis.RedisCache"


@pytest.mark.parametrize(
    ("asked", "given"),
    [
        (
            {"BACKEND": REDIS, "key_prefix": "hf", "version": 2, "TIMEOUT": 9},
            {
                **{"BACKEND": REDIS, "KEY_PREFIX": "hf", "VERSION": 2, "TIMEOUT": 9},
                "OPTIONS": {"socket_timeout": 0.2, "socket_connect_timeout": 0.2},
            },
        ),
        (
            {"BACKEND": REDIS, "OPTIONS": {"socket_timeout": 2, "db": 1}},
            {
                "BACKEND": REDIS,
                "OPTIONS": {"socket_timeout": 2, "socket_connect_timeout": 0.2, "db": 1},
            },
        ),
        ({"BACKEND": "x.LocMemCache", "version": 2}, {"BACKEND": "x.LocMemCache", "version": 2}),
    ],
    ids=["of the URL", "of one's own", "no Redis"],
)  # fmt: skip
def test_a_redis_that_hangs_is_given_up_unless_its_address_says_otherwise(
    asked: dict[str, Any], given: dict[str, Any]
) -> None:
    assert bounded(asked) == given
