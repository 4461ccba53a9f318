"""Defects planted in the product, to prove that the harness would see them."""


def install(name: str) -> None:
    raise LookupError(name)
