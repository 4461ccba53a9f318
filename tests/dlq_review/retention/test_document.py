"""docs/retention.md says what the code does."""

from importlib import import_module

retention = import_module("docs.retention")


def test_the_document_holds_the_table_as_it_is_declared() -> None:
    text = retention.DOCUMENT.read_text()
    assert retention.with_table(text) == text, "python -m docs.retention --write"
