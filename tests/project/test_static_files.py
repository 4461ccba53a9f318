"""Pages where nobody ran collectstatic, or where its manifest cannot be used."""

from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as tests_settings
from django.contrib import admin
from django.contrib.staticfiles.storage import staticfiles_storage
from django.core.management import call_command
from django.template.loader import get_template
from django.test import Client, RequestFactory
from django.urls import reverse
from pytest_django import Settings

from processing.models import User
from project import static_files
from project.settings import site

_FILES = "django.contrib.staticfiles.finders.FileSystemFinder"
TEMPLATES = Path(tests_settings.BASE_DIR) / "templates"
_FORM = "application/x-www-form-urlencoded"
#: What a stranger may ask for, and the status of the answer.
ASKED: dict[str, tuple[int, dict[str, Any]]] = {
    **{
        f"GET {path}": (status, {"path": path})
        for path, status in {
            "/": 200,
            "/orders/change": 302,
            "/signups/new": 302,
            "/admin/login/": 200,
            "/admin/nowhere/": 302,
            "/api/docs": 200,
            "/api/nowhere": 404,
            "/nowhere": 404,
            "/demo/": 404,
            "/metrics": 404,
            "/static/nowhere.css": 404,
            "/static/site.css": 200,
        }.items()
    },
    **{
        f"{path} without its cookie": (403, {"method": "POST", "path": path})
        for path in ("/orders/new", "/signups/new", "/admin/login/")
    },
    "another method": (405, {"method": "PUT", "path": "/admin/logout/"}),
    "a foreign host": (400, {"path": "/", "HTTP_HOST": "evil.example"}),
    "too many fields": (
        400,
        {"method": "POST", "path": "/orders/new", "data": "&".join(["a=b"] * 1001)},
    ),
}


@pytest.fixture
def production(settings: Settings, tmp_path: Path) -> Path:
    """The storage of production, and where it collects to: nothing is there yet."""
    settings.STATIC_ROOT = tmp_path / "staticfiles"
    settings.STORAGES = {
        **settings.STORAGES,
        "staticfiles": site.STORAGES["staticfiles"],
    }
    return tmp_path / "staticfiles"


@pytest.mark.parametrize("case", ASKED)
def test_without_collected_files_each_page_answers_as_with_them(
    case: str, production: Path
) -> None:
    status, asked = ASKED[case]
    client = Client(raise_request_exception=False, enforce_csrf_checks=status == 403)
    answer = client.generic(**{"method": "GET", "content_type": _FORM, **asked})
    answer.getvalue()  # a file stays open until its last byte is read
    assert answer.status_code == status


@pytest.mark.django_db
def test_without_collected_files_the_desk_opens(
    production: Path, client: Client
) -> None:
    client.force_login(User.objects.create_superuser("eva"))
    lists = [
        reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")
        for model in admin.site._registry
    ]
    for path in ("/admin/", *lists):
        assert client.get(path).status_code == 200, path
    assert client.get("/admin/nowhere/").status_code == 404
    assert b"/static/dlq_review/admin.css" in client.get("/admin/").content


@pytest.mark.parametrize("name", sorted(one.name for one in TEMPLATES.glob("[45]*")))
def test_a_page_of_an_error_needs_no_collected_file(
    name: str, production: Path
) -> None:
    request = RequestFactory().get("/")
    assert "/static/site.css" in get_template(name).render({}, request)


@pytest.mark.parametrize("manifest", ["", "{", '{"version": "9"}', None])
def test_a_manifest_that_cannot_be_read_counts_as_none(
    manifest: str | None, production: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = production / "staticfiles.json"
    if manifest is None:
        path.mkdir(parents=True)
    else:
        production.mkdir()
        path.write_text(manifest)
    assert staticfiles_storage.url("site.css") == "/static/site.css"
    static_files.report()
    unreadable, missing = [record.getMessage() for record in caplog.records]
    assert unreadable.startswith("static=unreadable manifest=")
    assert missing.startswith("static=not_collected files=")


def test_collected_files_have_hashed_names_and_nothing_is_reported(
    production: Path, settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    written = production.with_name("written")
    for folder in (production, written):
        folder.mkdir()
    (written / "site.css").write_text("body { color: black }\n" * 99)
    settings.STATICFILES_DIRS = [written]
    settings.STATICFILES_FINDERS = [_FILES]
    (production / "staticfiles.json").write_text(
        "{"
    )  # is repaired, not a reason to stop
    call_command("collectstatic", "--no-input", verbosity=0)
    settings.STORAGES = {**settings.STORAGES}  # a new process reads the manifest
    caplog.clear()
    static_files.report()
    assert caplog.records == []
    name = staticfiles_storage.url("site.css")
    assert name != "/static/site.css"
    assert (production / name.removeprefix("/static/")).exists()
    assert (production / f"{name.removeprefix('/static/')}.gz").exists()
    assert staticfiles_storage.url("of_a_newer_release.css?x=1#y") == (
        "/static/of_a_newer_release.css?x=1#y"
    )
