"""Open a socket that listens, which all processes share."""

import socket


def listen(host: str, port: int, backlog: int | None = None) -> socket.socket:
    """`::` means IPv4 too. Raises OSError and OverflowError."""
    of_ipv6 = ":" in host
    listener = socket.create_server(
        (host, port),
        family=socket.AF_INET6 if of_ipv6 else socket.AF_INET,
        dualstack_ipv6=of_ipv6 and socket.has_dualstack_ipv6(),
        backlog=backlog,
    )
    listener.setblocking(False)  # another process may have taken what came
    return listener
