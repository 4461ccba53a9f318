"""Keep the rate that was asked for, and measure the rate that is reached."""

from time import monotonic

TICK = 0.2  # seconds; so a set at 500 letters a second has a hundred
MOST = 100  # letters that are worth a set at any rate
MOST_BEHIND = 1.0  # second whose letters are caught up with; what is older is given up


class Pace:
    """How many letters are due, at *rate* a second."""

    def __init__(self, rate: int) -> None:
        self.rate = rate
        self.rest()

    def rest(self) -> None:
        """Begin anew: nothing was to be done, or somebody else did it."""
        self._begun = self._since = monotonic()
        self._handled = self._counted = 0

    def due(self) -> int:
        """How many letters may be handled now; 0 until they are worth a set."""
        if not self._handled:  # the first one goes at once, and alone
            self._begun = monotonic()
            return 1
        late = self._late()
        if late > MOST_BEHIND:
            self._begun += late - MOST_BEHIND
            late = MOST_BEHIND
        due = int(self.rate * late) + 1
        return due if due >= self._worth else 0

    def wait(self) -> float:
        """Seconds until letters are due."""
        if not self._handled:
            return 0
        at = self._begun + (self._handled + self._worth - 1) / self.rate
        return max(0.0, at - monotonic())

    def _late(self) -> float:
        """Seconds since the last letter that was handled was due."""
        return monotonic() - self._begun - self._handled / self.rate

    @property
    def _worth(self) -> int:
        """Letters worth a set."""
        return min(MOST, int(self.rate * TICK)) or 1

    def took(self, number: int) -> None:
        self._handled += number
        self._counted += number

    @property
    def reached(self) -> int | None:
        """Letters a second since there was work; None before a second has passed.

        Letters that only wait to be worth a set are not late, so they count.
        """
        seconds = monotonic() - self._since
        if seconds < 1:
            return None
        gathering = min(self._worth, self.rate * max(0, self._late()))
        return min(self.rate, round((self._counted + gathering) / seconds))
