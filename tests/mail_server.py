"""A mail server for tests that takes its time."""

import socket
import threading
from contextlib import suppress


class SlowMailServer(threading.Thread):
    """Speaks just enough SMTP to take mails, and greets only after *delay* seconds."""

    def __init__(self, delay: float, *, refuses_login: bool = False) -> None:
        super().__init__(daemon=True)
        self.refuses_login = refuses_login
        self.delay = delay
        self.greeted = 0
        self.taken = 0
        self.recipients: list[str] = []
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"smtp://127.0.0.1:{self.listener.getsockname()[1]}"

    def run(self) -> None:
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def stop(self) -> None:
        self.listener.close()

    def _serve(self, client: socket.socket) -> None:
        self.greeted += 1
        threading.Event().wait(self.delay)
        with (
            suppress(ConnectionError),  # a client that was killed
            client,
            client.makefile("rwb", buffering=0) as stream,
        ):
            stream.write(b"220 ready\r\n")
            for line in stream:
                command = line[:4].upper()
                if command == b"RCPT":
                    self.recipients.append(line.decode().partition(":")[2].strip())
                if command == b"DATA":
                    stream.write(b"354 go on\r\n")
                    while stream.readline() != b".\r\n":
                        pass
                    self.taken += 1
                if command == b"EHLO":
                    stream.write(b"250-fine\r\n250 AUTH PLAIN\r\n")
                    continue
                if command == b"AUTH":
                    stream.write(b"535 no\r\n" if self.refuses_login else b"235 in\r\n")
                    continue
                stream.write(b"221 bye\r\n" if command == b"QUIT" else b"250 fine\r\n")
