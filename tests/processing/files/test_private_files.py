"""Nobody else on the machine may read what it keeps for itself."""

import os
import stat
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from processing.files.private_files import (
    BrokenSecretError,
    close_to_others,
    kept_secret,
    make_private_file,
    make_private_folder,
)


@pytest.fixture(autouse=True)
def _umask_that_hides_nothing() -> Iterator[None]:
    before = os.umask(0)
    yield
    os.umask(before)


def mode(path: Path) -> str:
    return oct(stat.S_IMODE(path.stat().st_mode))


def a_secret(path: Path) -> None:
    kept_secret(path, 10)


@pytest.mark.parametrize(
    ("make", "expected"),
    [
        (make_private_folder, "0o700"),
        (make_private_file, "0o600"),
        (a_secret, "0o600"),
    ],
)
def test_what_is_made_is_for_its_owner_only(
    tmp_path: Path, make: Callable[[Path], None], expected: str
) -> None:
    path = tmp_path / "one"
    make(path)
    make(path)
    assert mode(path) == expected
    assert sorted(tmp_path.iterdir()) == [path], "nothing else is left there"


def test_a_folder_is_made_below_folders_that_are_not_there(tmp_path: Path) -> None:
    make_private_folder(tmp_path / "a" / "b" / "c")
    assert mode(tmp_path / "a" / "b" / "c") == "0o700"


@pytest.mark.parametrize("make", [make_private_file, a_secret, close_to_others])
@pytest.mark.parametrize(
    ("before", "after"), [(0o644, "0o600"), (0o640, "0o600"), (0o400, "0o400")]
)
def test_what_was_open_to_others_is_closed(
    tmp_path: Path, make: Callable[[Path], None], before: int, after: str
) -> None:
    path = tmp_path / "one"
    path.write_text("k" * 20)
    path.chmod(before)
    make(path)
    assert mode(path) == after
    assert path.read_text() == "k" * 20


def test_a_folder_that_is_there_is_left_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "shared"
    path.mkdir(mode=0o755)
    make_private_folder(path)
    assert mode(path) == "0o755"


def test_a_folder_that_is_closed_to_others_can_still_be_entered(tmp_path: Path) -> None:
    path = tmp_path / "var"
    path.mkdir(mode=0o755)
    close_to_others(path)
    assert mode(path) == "0o700"


def test_what_is_not_there_needs_no_closing(tmp_path: Path) -> None:
    close_to_others(tmp_path / "nothing")
    assert not (tmp_path / "nothing").exists()


def test_what_belongs_to_somebody_else_is_left_as_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError

    path = tmp_path / "one"
    path.touch(mode=0o644)
    monkeypatch.setattr(Path, "chmod", refuse)
    close_to_others(path)
    assert mode(path) == "0o644"


def test_of_two_processes_that_make_a_secret_both_get_the_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "one"
    path.write_text("k" * 20)
    monkeypatch.setattr(Path, "exists", lambda _: False)  # as it was a moment ago
    assert kept_secret(path, 10) == "k" * 20
    assert [*tmp_path.iterdir()] == [path]


def test_a_secret_is_made_once_of_so_many_random_bytes(tmp_path: Path) -> None:
    first = kept_secret(tmp_path / "one", 48)
    assert len(first) == 64
    assert kept_secret(tmp_path / "one", 48) == first
    assert kept_secret(tmp_path / "other", 48) != first


@pytest.mark.parametrize(("size", "is_taken"), [(9, False), (10, True), (11, True)])
def test_a_secret_that_was_cut_short_is_named(
    tmp_path: Path, size: int, *, is_taken: bool
) -> None:
    path = tmp_path / "one"
    path.write_text("k" * size + "\n")
    if is_taken:
        assert kept_secret(path, 10).strip() == "k" * size
        return
    with pytest.raises(BrokenSecretError) as refused:
        kept_secret(path, 10)
    assert str(refused.value).startswith(f"{path} is empty or cut short.")
