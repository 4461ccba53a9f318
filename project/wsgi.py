import logging
import os

from django.conf import settings
from django.core.wsgi import get_wsgi_application

from intake import memory
from intake.chunked import unchunked
from intake.unread import read_out
from processing import queues
from processing.database.patience import of_this_process as patience

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "project.settings")
application = read_out(unchunked(get_wsgi_application()))

from intake import known_keys  # noqa: E402 - its model wants the apps to be ready

queues.warm_up()
patience.limit()
if settings.API_KEYS != "off":
    known_keys.of_this_process()  # begins to read them
try:
    memory.prove()  # ends the process when CACHE_URL can never work
except memory.SilentCacheError as error:
    logging.getLogger(__name__).error("cache=away %s", error)
