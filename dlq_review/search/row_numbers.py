"""Row numbers in addresses and forms."""


def row_number(text: str) -> int:
    """Read *text* as a row number; 0, which no row has, for anything else.

    Any column can be compared with it, and reading it costs nothing, however long *text* is.
    """
    return int(text) if text.isdecimal() and len(text) < 19 else 0
