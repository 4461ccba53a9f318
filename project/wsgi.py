import logging
import os

from django.core.wsgi import get_wsgi_application

from intake import memory
from intake.chunked import unchunked
from processing import queues
from processing.database.patience import of_this_process as patience

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "project.settings")
application = unchunked(get_wsgi_application())
queues.warm_up()
patience.limit()
try:
    memory.prove()  # ends the process when CACHE_URL can never work
except memory.SilentCacheError as error:
    logging.getLogger(__name__).error("cache=away %s", error)
