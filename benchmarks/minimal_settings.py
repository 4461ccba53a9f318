"""Our settings, with the stand-in view until intake's own is merged."""

from project.settings import *  # noqa: F403

ROOT_URLCONF = "benchmarks.minimal_view"
