"""Our settings, with the stock view in place of our pages."""

from project.settings import *  # noqa: F403

ROOT_URLCONF = "benchmarks.stock_view"
