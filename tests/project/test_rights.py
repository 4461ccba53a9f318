"""The permissions in docs/deploy.md are those of the policies."""

from importlib import import_module
from pathlib import Path

import pytest

from processing.infrastructure import policies

rights = import_module("docs.rights")


def test_the_document_names_the_rights_of_each_role() -> None:
    assert rights.table() in rights.DOCUMENT.read_text()
    rows = {row.split(" | ")[0].strip("| ") for row in rights.table().splitlines()}
    assert rows >= set(policies.ROLES)


def test_the_table_has_a_column_for_each_kind_of_queue() -> None:
    assert set(rights.KINDS) == set(policies.kinds())


def test_a_table_of_other_rights_is_stale(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy = tmp_path / "deploy.md"
    copy.write_text(rights.DOCUMENT.read_text())
    monkeypatch.setattr(rights, "DOCUMENT", copy)
    assert rights.main(["--check"]) == 0
    monkeypatch.setitem(policies.RIGHTS, "beat", {"jobs": ("sqs:PurgeQueue",)})
    assert rights.main(["--check"]) == 1
    assert rights.main(["--write"]) == 0
    assert rights.main(["--check"]) == 0
    assert "`PurgeQueue`" in copy.read_text()
