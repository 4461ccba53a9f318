import logging
import os

from django.conf import settings
from django.core.wsgi import get_wsgi_application

from intake import shared_cache
from processing.database.patience import of_this_process as patience
from processing.sqs import queues
from processing.tracing import spans
from project import static_files
from project.api_handler import ApiHandler

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "project.settings")
application = ApiHandler(get_wsgi_application())

# These import models, so the apps must be ready.
from intake.keys import known_keys  # noqa: E402
from project.metrics import serve_at_port  # noqa: E402

queues.warm_up()
spans.start()
patience.limit()
static_files.report()
serve_at_port()
if settings.API_KEYS != "off":
    known_keys.of_this_process()  # begins to read them
try:
    shared_cache.prove()  # ends the process when CACHE_URL can never work
except shared_cache.SilentCacheError as error:
    logging.getLogger(__name__).error("cache=away reason=%s", error)
