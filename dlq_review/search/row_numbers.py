"""Numbers of rows, as addresses and forms name them."""


def row_number(text: str) -> int:
    """The number that *text* is; 0, which no row has, for anything else.

    Any column can be compared with it, and reading it costs nothing, however long *text* is.
    """
    return int(text) if text.isdecimal() and len(text) < 19 else 0
