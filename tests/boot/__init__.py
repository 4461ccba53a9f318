"""Changes to the product in child processes of a test, made when its modules are imported.

The product itself knows nothing of them. A child gets them by `environment()`, which puts
this folder's sitecustomize.py before everything else.
"""

from datetime import timedelta
from pathlib import Path

BOOT = Path(__file__).parent
ROOT = BOOT.parent.parent
NO_TIME = timedelta(0)


def environment(**changes: str) -> dict[str, str]:
    """What a child needs to start with *changes*, such as CRASH_AT or TIME_LIMIT."""
    return {"PYTHONPATH": f"{BOOT}:{ROOT}", **changes}
