"""The permissions in docs/deploy.md are those of the policies."""

import pytest

from docs import rights
from processing.infrastructure import policies


def test_the_document_names_the_rights_of_each_role() -> None:
    assert rights.table() in rights.DOCUMENT.read_text()
    rows = {row.split(" | ")[0].strip("| ") for row in rights.table().splitlines()}
    assert rows >= set(policies.ROLES)


def test_the_table_has_a_column_for_each_kind_of_queue() -> None:
    assert set(rights.KINDS) == set(policies.kinds())


def test_another_right_makes_another_table(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(policies.RIGHTS, "beat", {"jobs": ("sqs:PurgeQueue",)})
    assert "| beat | – | – | `PurgeQueue` | – | – |" in rights.table()
