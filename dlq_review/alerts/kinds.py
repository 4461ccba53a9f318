"""The kinds of alerts: a closed set, which docs/alerts.md lists."""

from dataclasses import dataclass
from datetime import timedelta

from django.conf import settings


@dataclass(frozen=True, slots=True)
class Kind:
    name: str
    title: str
    """As a heading on pages, and the alert name of Alertmanager without its blanks."""
    ends: bool = True
    """It lasts until something is found to be well again."""
    reminds: bool = True
    """People are told again while it lasts."""
    lapses: timedelta | None = None
    """Over after so long without being seen, where nobody can look whether it is over."""

    @property
    def is_urgent(self) -> bool:
        """Whether it is told in quiet hours too."""
        return self is TEST or self.name in settings.ALERT_URGENT

    @property
    def severity(self) -> str:
        return "critical" if self.is_urgent else "warning"


NEW_FAILURE = Kind("new_failure", "New kind of failure", reminds=False)
REGRESSION = Kind("regression", "Regression", reminds=False)
GROWTH = Kind("growth", "Unusual growth")
NEAR_LIMIT = Kind("near_limit", "Near the limit")
LOSS = Kind("loss", "About to be dropped", lapses=timedelta(hours=1))
PULLER_LATE = Kind("puller_late", "Puller late")
NO_WORKER = Kind("no_worker", "No worker")
UNACCOUNTED = Kind("unaccounted", "Unaccounted for")
ARCHIVE_BEHIND = Kind("archive_behind", "Archive behind")
POLICY_STOPPED = Kind("policy_stopped", "Redrive policy stopped")
ERASED = Kind("erased", "Erased but archived", ends=False)
TEST = Kind("test", "Test", ends=False)

KINDS = {
    kind.name: kind
    for kind in (
        NEW_FAILURE,
        REGRESSION,
        GROWTH,
        NEAR_LIMIT,
        LOSS,
        PULLER_LATE,
        NO_WORKER,
        UNACCOUNTED,
        ARCHIVE_BEHIND,
        POLICY_STOPPED,
        ERASED,
        TEST,
    )
}


def kind_of(name: str) -> Kind:
    """The kind called *name*; one of another release is not urgent."""
    return KINDS.get(name) or Kind(name, name.replace("_", " "))
