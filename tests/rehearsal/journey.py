"""What is done with a deployment, step by step. A step returns what it found, as words."""

import contextlib
import json
from collections.abc import Callable
from typing import Any
from urllib.error import URLError

from tests.live import wait_for
from tests.rehearsal.release import Release
from tests.rehearsal.stack import ROLES, Stack

ORDERS, SIGNUPS = 20, 5
LONGEST = 60  # seconds for anything to happen
STAFF = "ops"
MISSING = "ORD-placed-later"
CHANGE = {
    "order_id": MISSING,
    "customer_id": "C-17",
    "status": "paid",
    "changed_at": "2026-11-20T10:00:00+00:00",
}
UNREADABLE = "quarantined"  # what becomes of a message without a type
DENIED = ("AccessDenied", "not authorized", "HTTP 403")


class Journey:
    def __init__(self, release: Release, stack: Stack) -> None:
        self._release = release
        self._stack = stack
        self.steps: dict[str, Callable[[], str]] = {
            "the queues are as declared": self.compare,
            "the Procfile's release": self.prepare,
            "the four processes start": self.start,
            "the doctor looks, as each role": self.examine,
            f"{ORDERS} orders, {SIGNUPS} sign-ups: sent": self.send,
            "two messages are broken": self.break_two,
            "pulled and archived": self.archive,
            "the missing order is placed": self.repair,
            "redriven by manage.py redrive_dlq": self.redrive,
            "the books are closed": self.close,
            "all queues are empty, all stop": self.stop,
            "nothing was denied": self.look_for_denials,
        }

    def compare(self) -> str:
        return self._release.run(
            "jobs", "python manage.py ensure_queues --check"
        ).strip()

    def prepare(self) -> str:
        self._release.run("web", self._release.procfile("release"))
        self._release.run(
            "web",
            f"DJANGO_SUPERUSER_PASSWORD=$SECRET_KEY python manage.py createsuperuser"
            f" --no-input --username {STAFF} --email {STAFF}@example.com",
        )
        return "migrated"

    def start(self) -> str:
        for role in ROLES:
            self._release.start(role)
        self._wait(self._is_ready)
        self._wait(lambda: " ready." in self._said("worker"))
        self._wait(lambda: " ready." in self._said("jobs"))
        return ", ".join(ROLES)

    def examine(self) -> str:
        said = [
            self._release.run(role, f"python manage.py doctor --role {role}")
            for role in ROLES
        ]
        return "; ".join(one.splitlines()[-1] for one in said)

    def send(self) -> str:
        item = {"sku": "TEA-1", "quantity": 2, "unit_price": "4.50"}
        order = {"customer_id": "C-17", "email": "ada@example.com", "currency": "EUR"}
        sent = [
            self._post("/api/orders", {**order, "items": [item]}) for _ in range(ORDERS)
        ] + [
            self._post("/api/signups", {"email": f"a{n}@example.com", "name": "Ada"})
            for n in range(SIGNUPS)
        ]
        for receipt in sent:
            self._wait_until_done(receipt)
        return f"{len(sent)} done"

    def break_two(self) -> str:
        """One that no worker can read, and a change of an order that is not there yet."""
        self._stack.send("orders", "no event")
        change = {"type": "order_updated", "id": "rehearsed-1", "data": CHANGE}
        self._stack.send("orders", json.dumps(change))
        return "one unreadable, one too early"

    def archive(self) -> str:
        self._wait(lambda: len(self._stack.archived()) == 2)
        found = {one["message"] for one in self._stack.archived()}
        assert "no event" in found, found
        return f"{len(found)} objects"

    def repair(self) -> str:
        item = {"sku": "TEA-1", "quantity": 1, "unit_price": "4.50"}
        order = {
            "order_id": MISSING,
            "customer_id": "C-17",
            "email": "ada@example.com",
            "currency": "EUR",
            "items": [item],
        }
        self._wait_until_done(self._post("/api/orders", order))
        return MISSING

    def redrive(self) -> str:
        said = self._release.run(
            "jobs",
            "python manage.py redrive_dlq --type order_updated --apply --wait --json"
            f" --by {STAFF}",
        )
        done: dict[str, Any] = json.loads(said)
        assert (done["state"], done["processed"]) == ("done", 1), said
        return "1 processed"

    def close(self) -> str:
        said = self._release.run("jobs", "python manage.py books --strict --json")
        books: dict[str, Any] = json.loads(said)
        assert books["balanced"], said
        letters = {name: n for name, n in books["dead_letters"].items() if n}
        assert letters == {"resolved": 1, UNREADABLE: 1}, said
        return f"{books['outcomes']['processed']} processed, balanced"

    def stop(self) -> str:
        assert not self._release.ended()
        codes = [self._release.stop("beat")]
        self._wait(lambda: not self._stack.waiting())
        codes += [self._release.stop(role) for role in ROLES[:-1]]
        assert codes == [0] * len(ROLES), codes
        return "exit codes 0"

    def look_for_denials(self) -> str:
        denied = [
            f"{role}: {line}"
            for role in ROLES
            for line in self._said(role).splitlines()
            if any(word in line for word in DENIED)
        ]
        assert not denied, "\n".join(denied)
        return "0 lines"

    # -- waiting ----------------------------------------------------------------------
    def _wait(self, condition: Callable[[], object]) -> None:
        def come_true() -> object:
            if ended := self._release.ended():
                raise RuntimeError(f"{', '.join(ended)} ended; see the logs.")
            return condition()

        wait_for(come_true, patience=LONGEST)

    def _is_ready(self) -> bool:
        with contextlib.suppress(URLError, OSError):
            return self._release.call("/readyz")[0] == 200
        return False

    def _post(self, path: str, data: dict[str, Any]) -> str:
        """Where the receipt is."""
        status, answer = self._release.call(path, data)
        assert status == 202, status
        return str(answer["statusUrl"])

    def _wait_until_done(self, receipt: str) -> None:
        self._wait(lambda: self._release.call(receipt)[1]["final"])
        state = self._release.call(receipt)[1]["state"]
        assert state == "done", state

    def _said(self, role: str) -> str:
        return self._release.log(role).read_text()
