import logging
import os

from django.core.wsgi import get_wsgi_application

from intake import memory
from intake.chunked import unchunked
from processing import queues

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "project.settings")
application = unchunked(get_wsgi_application())
queues.warm_up()
try:
    memory.prove()  # ends the process when CACHE_URL can never work
except memory.SilentCacheError as error:
    logging.getLogger(__name__).error("cache=away %s", error)
