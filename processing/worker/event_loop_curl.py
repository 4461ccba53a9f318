"""kombu's curl client, mended for many calls a second.

kombu takes curl's milliseconds for seconds, so each call leaves timers behind that stay for
hours; and it takes every socket out of epoll and puts it back at every event.
"""

from typing import Any

import pycurl
from kombu.asynchronous.http.curl import CurlClient


class Client(CurlClient):
    _timer: Any = None

    @property
    def is_closed(self) -> bool:
        return bool(self._closed)

    def _set_timeout(self, milliseconds: int) -> None:
        """Called by curl: there is one timer, and this is when it is due (-1: never)."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if milliseconds >= 0:
            self._timer = self.hub.call_later(milliseconds / 1000, self._timeout_check)

    def _handle_socket(self, event: int, fd: int, multi: Any, data: Any) -> None:
        """Called by curl when it begins or ends to wait for *fd*, and before it closes it."""
        self.hub.remove(fd)
        if event == pycurl.POLL_IN:
            self.hub.add_reader(fd, self.on_readable, fd)
        elif event in (pycurl.POLL_OUT, pycurl.POLL_INOUT):
            self.hub.add_writer(fd, self.on_writable, fd)

    def _pop_from_hub(self) -> None:
        pass

    def _push_to_hub(self) -> None:
        pass
