"""gunicorn's worker with threads, whose threads wait a moment for the next request.

gunicorn hands a kept connection back to its main thread after each answer, and gets it from
there with the next request: two changes of threads, four system calls. A client under load
sends the next request at once. So the thread that answered waits for it, for PATIENCE at
most, and only while another thread is free for whoever comes. A lone connection goes back at
once: it gains nothing, and on a busy machine one thread is interrupted sooner than many.

gunicorn's parent imports this module, so a reload by SIGHUP does not take a change of it.
"""

import select
from concurrent.futures import Future
from typing import Any

from gunicorn.workers.gthread import TConn, ThreadWorker

PATIENCE = 0.01  # seconds


class WebWorker(ThreadWorker):  # type: ignore[misc]
    #: Connections that were given to threads and have not come back; those that wait for a
    #: thread count too. The main thread alone changes it.
    given = 0

    def enqueue_req(self, conn: TConn) -> None:
        self.given += 1
        super().enqueue_req(conn)

    def finish_request(self, conn: TConn, fs: "Future[Any]") -> None:
        self.given -= 1
        super().finish_request(conn, fs)

    def handle(self, conn: TConn) -> Any:
        """What became of the last request of *conn* that this thread answered."""
        found = super().handle(conn)
        while found is True and self._has_another(conn):
            found = super().handle(conn)
        return found

    def _has_another(self, conn: TConn) -> bool:
        if not self.alive or not 1 < self.given < self.cfg.threads:
            return False
        if conn.parser.unreader.buf.getvalue():  # the main thread looks for it
            return False
        poll = select.poll()
        poll.register(conn.sock, select.POLLIN)
        return bool(poll.poll(PATIENCE * 1000))
