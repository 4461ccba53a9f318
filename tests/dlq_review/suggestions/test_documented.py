from pathlib import Path

from dlq_review.suggestions.values import RULES

OTHERS = ("field_name", "moved_field", "no_such_field", "computed", "close")


def test_the_document_of_the_desk_lists_every_rule() -> None:
    text = Path("docs/desk.md").read_text()
    for name in (*(rule.name for rule in RULES), *OTHERS):
        assert f"| `{name}` |" in text
