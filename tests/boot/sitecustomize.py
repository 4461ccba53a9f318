"""Python runs this first in every child that has it on its path."""

import faulthandler
import os
import signal

from tests.boot import (
    crash,
    defects,
    held,
    misbehave,
    newer_release,
    short_times,
    witness,
)

# What every thread does just now, for a process that does not stop.
faulthandler.register(signal.SIGUSR2, all_threads=True)
given = os.environ
if "SHORT_TIMES" in given:
    short_times.install(int(given["SHORT_TIMES"]))
if "VISIBILITY" in given:
    short_times.receive_for(int(given["VISIBILITY"]))
if "TIME_LIMIT" in given:
    short_times.limit_tasks(int(given["TIME_LIMIT"]))
if "MISBEHAVE" in given:
    misbehave.install()
if "BUSY" in given:
    misbehave.stay_busy_with(given["BUSY"])
if "NEWER_RELEASE" in given:
    newer_release.install()
if "WITNESS" in given:
    witness.install(float(given["WITNESS"]))
if "HELD" in given:
    held.install(given["HELD"], given["WORKER_NAME"])
if "DEFECT" in given:
    defects.install(given["DEFECT"])
if "CRASH_AT" in given:
    crash.install(given["CRASH_AT"])
if "CRASH_RATE" in given:
    crash.install_everywhere(float(given["CRASH_RATE"]), given["CRASH_SEED"])
