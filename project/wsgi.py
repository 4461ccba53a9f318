import os

from django.core.wsgi import get_wsgi_application

from processing import queues

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "project.settings")
application = get_wsgi_application()
queues.sender()  # looks for credentials, which no request should wait for
