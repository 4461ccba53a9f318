"""What the application is told of the connection and the body."""

import io
from types import SimpleNamespace
from typing import Any

import pytest

from intake.web.bodies import Body
from intake.web.requests import environ_of
from intake.web.responses import File
from tests.intake.web.test_bridge import Headers


def told(**changes: Any) -> dict[str, Any]:
    scope = {
        "method": "PATCH",
        "path": "/a",
        "query_string": "b=c",
        "http_version": "1.0",
        "server": "[2001:db8::1]:8443",
        "client": "[2001:db8::2]:50000",
        "scheme": "https",
        "headers": Headers(host="shop.example.com"),
        **changes,
    }
    return environ_of(SimpleNamespace(**scope), Body(io.BytesIO(b"abc"), 3))


def test_the_environment_is_that_of_pep_3333() -> None:
    found = told()
    wanted = {
        "REQUEST_METHOD": "PATCH",
        "SCRIPT_NAME": "",
        "PATH_INFO": "/a",
        "QUERY_STRING": "b=c",
        "SERVER_PROTOCOL": "HTTP/1.0",
        "SERVER_NAME": "2001:db8::1",
        "SERVER_PORT": "8443",
        "REMOTE_ADDR": "2001:db8::2",
        "CONTENT_LENGTH": "3",
        "HTTP_HOST": "shop.example.com",
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "https",
        "wsgi.multithread": True,
        "wsgi.multiprocess": True,
        "wsgi.run_once": False,
        "wsgi.input_terminated": True,
        "wsgi.file_wrapper": File,
    }
    assert {name: found[name] for name in wanted} == wanted
    assert found["wsgi.input"].read() == b"abc"


@pytest.mark.parametrize("header", ["range", "content-length", "transfer-encoding"])
def test_what_the_server_has_dealt_with_is_left_out(header: str) -> None:
    found = told(headers=Headers({header: "9"}))
    assert found["CONTENT_LENGTH"] == "3"
    assert not [name for name in found if name.startswith("HTTP_")]
