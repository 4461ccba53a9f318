"""Clients with a connection each, all in one thread: `python -m benchmarks.clients`.

Each posts the same order again as soon as it is answered (a closed loop), over a kept-alive
connection and plain sockets, so that little of the machine goes to the clients. Now and
then it connects anew, else the luck of the first connections, of which one process may get
nearly all, would last. Prints JSON: answers, seconds, latencies in ms, and how many answers
were not 202.
"""

import json
import selectors
import socket
import sys
from time import perf_counter
from typing import cast

ORDER = {
    "order_id": "ORD-1",
    "customer_id": "C-17",
    "email": "ada@example.com",
    "currency": "EUR",
    "items": [
        {"sku": "TEA-1", "quantity": 2, "unit_price": "4.50"},
        {"sku": "CUP-2", "quantity": 1, "unit_price": "12.00"},
    ],
}


CONNECTION_LASTS = 40  # requests


def main(port: int, path: str, clients: int, seconds: float) -> None:
    request = _request(path)
    selector = selectors.DefaultSelector()
    began = perf_counter()

    def send(connection: socket.socket, left: int) -> None:
        selector.register(connection, selectors.EVENT_READ, (perf_counter(), left))
        connection.sendall(request)

    for number in range(clients):
        send(_connect(port), number % CONNECTION_LASTS)  # not all anew at once
    latencies: list[float] = []
    refused = 0
    while selector.get_map():  # to the last answer, so that none is asked for uncounted
        for key, _ in selector.select():
            connection = cast(socket.socket, key.fileobj)
            sent_at, left = key.data
            refused += _status(connection) != b"202"
            now = perf_counter()
            latencies.append((now - sent_at) * 1000)
            selector.unregister(connection)
            if now >= began + seconds:
                connection.close()
            elif left:
                send(connection, left - 1)
            else:
                connection.close()
                send(_connect(port), CONNECTION_LASTS)
    spent = perf_counter() - began
    print(json.dumps({"seconds": spent, "latencies": latencies, "refused": refused}))


def _connect(port: int) -> socket.socket:
    connection = socket.create_connection(("127.0.0.1", port))
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return connection


def _request(path: str) -> bytes:
    body = json.dumps(ORDER)
    return (
        f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\n\r\n{body}"
    ).encode()


def _status(connection: socket.socket) -> bytes:
    """Read one whole answer; its status."""
    answer = b""
    while b"\r\n\r\n" not in answer:
        part = connection.recv(65536)
        if not part:
            raise ConnectionError("The server closed the connection.")
        answer += part
    head, _, body = answer.partition(b"\r\n\r\n")
    length = int(head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0])
    while len(body) < length:
        body += connection.recv(65536)
    return head[9:12]


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2], int(sys.argv[3]), float(sys.argv[4]))
