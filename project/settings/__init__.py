"""All settings of Holdfast, read once from the environment (and `.env`).

Without any variable set, everything runs on this machine: SQLite, an SQS server on
127.0.0.1 (`manage.py dev` starts one), mail into var/mail. Production is the same code
with other values; docs/settings.md explains every variable.
"""

from project.settings.alerts import *
from project.settings.archive import *
from project.settings.database import *
from project.settings.desk import *
from project.settings.limits import *
from project.settings.logs import *
from project.settings.mail import *
from project.settings.metrics import *
from project.settings.process import *
from project.settings.site import *
from project.settings.sqs import *
from project.settings.staff import *
from project.settings.tracing import *
from project.settings.workers import *
