"""Python runs this first in every child that has it on its path."""

import os

from tests.boot import crash, defects, short_times

if "SHORT_TIMES" in os.environ:
    short_times.install(int(os.environ["SHORT_TIMES"]))
if "CRASH_AT" in os.environ:
    crash.install(os.environ["CRASH_AT"])
if "CRASH_RATE" in os.environ:
    crash.install_everywhere(float(os.environ["CRASH_RATE"]), os.environ["CRASH_SEED"])
if "DEFECT" in os.environ:
    defects.install(os.environ["DEFECT"])
