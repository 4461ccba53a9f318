"""What lists, forms and commands declare, kept whole: no column and no help goes unseen.

Each test walks all of its kind, so a new list, form or command is kept as well.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from django.contrib import admin
from django.core.management import BaseCommand, find_commands, load_command_class
from django.forms import BaseForm
from django.urls import get_resolver

from tests.documents import ROOT
from tests.kept_texts import assert_kept

HERE = Path(__file__).parent
OURS = ("processing", "intake", "dlq_review", "project")
LIST = (
    *("list_display", "list_display_links", "list_filter", "search_fields"),
    *("search_help_text", "ordering", "list_per_page", "list_max_show_all"),
    *("list_select_related", "date_hierarchy", "show_full_result_count"),
    *("fields", "fieldsets", "exclude", "readonly_fields", "filter_horizontal"),
    *("inlines", "actions"),
)
FIELD = (
    *("label", "help_text", "required", "disabled", "initial"),
    *("max_length", "min_length", "max_value", "min_value", "strip", "choices"),
)
OPTION = ("dest", "nargs", "const", "default", "type", "choices", "required", "help")


def test_the_lists_of_the_admin() -> None:
    assert_kept("\n".join(_lists()), HERE / "admin_lists.txt")


def test_the_fields_of_forms() -> None:
    assert get_resolver().url_patterns  # every module with a form is there
    assert_kept("\n".join(_fields()), HERE / "forms.txt")


def test_the_options_of_commands() -> None:
    assert_kept("\n".join(_options()), HERE / "commands.txt")


def _lists() -> Iterator[str]:
    for model, shown in admin.site._registry.items():
        if _is_ours(type(shown)):
            yield f"{model._meta.label}: {type(shown).__name__}"
            yield from _set(shown, LIST)


def _fields() -> Iterator[str]:
    for form in sorted(_forms(BaseForm), key=_name):
        yield _name(form)
        for name, field in form.base_fields.items():
            yield f"  {name}: {type(field).__name__}"
            yield from _set(field, FIELD)
            yield from _set(field.widget, ["attrs"])


def _forms(above: Any) -> Iterator[Any]:
    for form in above.__subclasses__():
        if _is_ours(form) and form.base_fields:
            yield form
        yield from _forms(form)


def _options() -> Iterator[str]:
    djangos = {one.dest for one in BaseCommand().create_parser("", "")._actions}
    for application in OURS:
        for name in sorted(find_commands(str(ROOT / application / "management"))):
            command = load_command_class(application, name)
            yield f"{name}: {command.help}"
            for option in command.create_parser("", name)._actions:
                if option.dest not in djangos:
                    yield f"  {', '.join(option.option_strings) or 'argument'}"
                    yield from _set(option, OPTION)


def _set(declared: Any, names: Iterable[str]) -> Iterator[str]:
    """A line for each of the attributes *names* that says something."""
    for name in names:
        value = getattr(declared, name, None)
        if value not in (None, "", False, [], (), {}):
            yield f"    {name} = {_text(value)}"


def _text(value: Any) -> str:
    """*value* without addresses of this process."""
    if isinstance(value, str):
        return value
    if isinstance(value, type) or callable(value):
        return str(getattr(value, "__name__", type(value).__name__))
    if isinstance(value, dict):
        return str({name: _text(one) for name, one in value.items()})
    if hasattr(value, "__iter__"):
        return f"[{', '.join(map(_text, value))}]"
    return str(value).replace(str(ROOT), ".")


def _name(form: type) -> str:
    return f"{form.__module__}.{form.__qualname__}"


def _is_ours(declared: type) -> bool:
    return declared.__module__.partition(".")[0] in OURS
