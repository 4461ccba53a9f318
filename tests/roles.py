"""The groups of staff that the migrations make, and what each may do."""

from importlib import import_module

_MADE = [
    import_module(f"dlq_review.migrations.{name}").GROUPS
    for name in ("0002_groups", "0029_alert_roles")
]
_SCHEDULING = import_module("dlq_review.migrations.0026_schedule_permission").CODENAMES
NAMES = tuple(_MADE[0])


def permissions_of(group: str) -> set[str]:
    """The names of what *group* may do with dead letters."""
    given = {name for made in _MADE for name in made[group]}
    return given | ({*_SCHEDULING} if group == "Triage operator" else set())
