"""Python runs this first in every child that has it on its path."""

import os

from tests.boot import crash, defects, short_times, witness

given = os.environ
if "SHORT_TIMES" in given:
    short_times.install(int(given["SHORT_TIMES"]))
if "WITNESS" in given:
    witness.install(float(given["WITNESS"]))
if "DEFECT" in given:
    defects.install(given["DEFECT"])
if "CRASH_AT" in given:
    crash.install(given["CRASH_AT"])
if "CRASH_RATE" in given:
    crash.install_everywhere(float(given["CRASH_RATE"]), given["CRASH_SEED"])
