"""All settings of Holdfast, read once from the environment (and `.env`).

Without any variable set, everything runs on this machine: SQLite, an SQS server on
127.0.0.1 (`manage.py dev` starts one), mail into var/mail. Production is the same code
with other values; docs/settings.md explains every variable.
"""

import socket
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from django.core.exceptions import ImproperlyConfigured

from processing.files.private_files import (
    close_to_others,
    kept_secret,
    make_private_file,
    make_private_folder,
)
from processing.sqs.topology import QUEUES, declare_fifo
from project.environment import Environment

BASE_DIR = Path(__file__).resolve().parent.parent

env = Environment()
env.read_env(env.str("ENV_FILE", str(BASE_DIR / ".env")))
# What this machine keeps for itself: embedded database, queues and mail, beat's schedule.
VAR_DIR = Path(env.str("VAR_DIR", str(BASE_DIR / "var"))).resolve()
with suppress(OSError):  # `check --deploy` names it; most processes need nothing of it
    make_private_folder(VAR_DIR)
if VAR_DIR == BASE_DIR / "var":  # another one may be shared on purpose
    close_to_others(VAR_DIR)


def machine_secret() -> str:
    """A random key kept in var/, so that a laptop needs no configuration.

    Used only beside the embedded database: two machines would not agree on it.
    """
    try:
        return kept_secret(VAR_DIR / "secret-key", 48)
    except OSError as error:
        raise ImproperlyConfigured(
            f"VAR_DIR is {VAR_DIR}, where a secret key cannot be kept:"
            f" {error.strerror}. Set VAR_DIR to a folder of your own, or set SECRET_KEY."
        ) from None


def one_of(name: str, *words: str) -> str:
    """The word that the variable *name* has, the first by default."""
    word = str(env.str(name, words[0]))
    if word not in words:
        allowed = f"{', '.join(words[:-1])} or {words[-1]}"
        raise ImproperlyConfigured(f"{name} is {word!r}. Set it to {allowed}.")
    return word


# -- Django -------------------------------------------------------------------------
DEBUG = env.bool("DEBUG", False)
EMBEDDED = not env.str("DATABASE_URL", "")
SECRET_KEY = env.str("SECRET_KEY", "") if EMBEDDED else env.str("SECRET_KEY")
SECRET_KEY = SECRET_KEY or machine_secret()
SECRET_KEY_FALLBACKS = env.list("SECRET_KEY_FALLBACKS", default=[])
ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", default=["127.0.0.1", "localhost"])
SITE_URL = env.str("SITE_URL", "http://127.0.0.1:8000").rstrip("/")
CSRF_TRUSTED_ORIGINS = env.list("CSRF_TRUSTED_ORIGINS", default=[])
RELEASE = env.str("RELEASE", "development")
ROOT_URLCONF = "project.urls"
WSGI_APPLICATION = "project.wsgi.application"
USE_TZ = True
TIME_ZONE = "UTC"
LANGUAGE_CODE = "en-gb"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
AUTH_USER_MODEL = "processing.User"

INSTALLED_APPS = [
    "dlq_review.apps.TriageAdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "axes",
    "django_otp",
    "django_otp.plugins.otp_totp",
    "django_otp.plugins.otp_static",
    "csp",
    "ninja",
    "processing",
    "intake",
    "dlq_review",
]

MIDDLEWARE = [
    "project.headers.PolicyHeadersMiddleware",  # first: every answer has them
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "intake.correlation.CorrelationMiddleware",
    "intake.middleware.front_door.ApiProblemMiddleware",
    "intake.middleware.front_door.RateLimitMiddleware",
    "intake.middleware.turnstiles.TurnstileMiddleware",
    "intake.middleware.front_door.ApiMiddleware",  # what follows is for pages
    "intake.middleware.login_limit.LoginLimitMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django_otp.middleware.OTPMiddleware",
    "dlq_review.desk.idle_sessions.IdleMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "axes.middleware.AxesMiddleware",
    "dlq_review.desk.unfit_values.UnfitValueMiddleware",
]

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]

# -- Database -----------------------------------------------------------------------
DATABASES = {
    "default": env.address(
        "DATABASE_URL",
        f"sqlite:///{VAR_DIR}/holdfast.sqlite3",
        env.db_url_config,
        env.DB_SCHEMES,
        example="postgres://user:password@host:5432/name",
    )
}
DATABASES["default"]["CONN_MAX_AGE"] = env.int("DATABASE_CONN_MAX_AGE", 60)
DATABASES["default"]["CONN_HEALTH_CHECKS"] = True
if DATABASES["default"]["ENGINE"] == "django.db.backends.sqlite3":
    # SQLite gives its -wal and -shm files the mode of the database.
    with suppress(OSError):
        make_private_file(Path(DATABASES["default"]["NAME"]))
    for _beside in ("-wal", "-shm"):
        close_to_others(Path(f"{DATABASES['default']['NAME']}{_beside}"))
    # Writers queue up instead of failing half way, and a commit is on the disk.
    DATABASES["default"]["OPTIONS"] = {
        "transaction_mode": "IMMEDIATE",
        "timeout": 20,
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;",
    }
else:
    # A database that does not answer must not hold a request or a worker for minutes.
    DATABASES["default"]["ENGINE"] = "processing.database"
    DATABASES["default"]["OPTIONS"] = {
        "connect_timeout": 2,  # seconds
        "tcp_user_timeout": 10_000,  # ms; the other machine is gone
        "keepalives_idle": 10,  # seconds
        "keepalives_interval": 3,
        "keepalives_count": 3,
        **DATABASES["default"].get("OPTIONS", {}),
    }

# -- Security -----------------------------------------------------------------------
# Probes come from inside; the API refuses what comes without TLS, all but its page.
SECURE_REDIRECT_EXEMPT = ["^healthz$", "^readyz$", "^api(?!/docs$)(/|$)"]
BEHIND_TLS = env.bool("BEHIND_TLS", False)
if BEHIND_TLS:
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    SECURE_SSL_REDIRECT = True
    SECURE_HSTS_SECONDS = env.int("HSTS_SECONDS", 365 * 24 * 3600)
    SECURE_HSTS_INCLUDE_SUBDOMAINS = env.bool("HSTS_INCLUDE_SUBDOMAINS", True)
    SECURE_HSTS_PRELOAD = env.bool("HSTS_PRELOAD", True)
    # Django warns of what was turned off on purpose: W004, W005 and W021.
    SILENCED_SYSTEM_CHECKS = [
        f"security.{check}"
        for check, name in (
            ("W004", "HSTS_SECONDS"),
            ("W005", "HSTS_INCLUDE_SUBDOMAINS"),
            ("W021", "HSTS_PRELOAD"),
        )
        if name in env
    ]
    SESSION_COOKIE_SECURE = True
    CSRF_COOKIE_SECURE = True
    # A browser takes these over TLS only, and from no other host of the domain.
    SESSION_COOKIE_NAME = "__Host-sessionid"
    CSRF_COOKIE_NAME = "__Host-csrftoken"
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
SESSION_COOKIE_AGE = env.int("SESSION_COOKIE_AGE", 8 * 3600)
# Staff who did nothing for so long log in again; 0 for no limit.
STAFF_IDLE_SECONDS = env.int("STAFF_IDLE_SECONDS", 3600)
MESSAGE_STORAGE = "django.contrib.messages.storage.session.SessionStorage"  # no cookie
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": ["'none'"],
        "script-src": ["'self'"],
        "style-src": ["'self'"],
        "img-src": ["'self'", "data:"],
        "font-src": ["'self'"],
        "connect-src": ["'self'"],
        "form-action": ["'self'"],
        "base-uri": ["'none'"],
        "frame-ancestors": ["'none'"],
    }
}
DATA_UPLOAD_MAX_MEMORY_SIZE = 2 * 1024 * 1024  # an edited 1 MiB body, form-encoded
DATA_UPLOAD_MAX_NUMBER_FIELDS = 1000
AUTHENTICATION_BACKENDS = [
    "axes.backends.AxesStandaloneBackend",
    "django.contrib.auth.backends.ModelBackend",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
]
# A name is locked for the client that guessed, so nobody shuts out anybody else.
AXES_CLIENT_IP_CALLABLE = "intake.rate_limits.address_of"
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_FAILURE_LIMIT = 10
AXES_COOLOFF_TIME = 1  # hours
AXES_RESET_ON_SUCCESS = True
AXES_RESET_COOL_OFF_ON_FAILURE_DURING_LOCKOUT = False
AXES_LOCKOUT_TEMPLATE = "admin/locked_out.html"
AXES_VERBOSE = False
STAFF_SECOND_FACTOR = one_of("STAFF_SECOND_FACTOR", "off", "optional", "required")
OTP_TOTP_ISSUER = f"Holdfast {urlsplit(SITE_URL).hostname}"  # how the app names us


# -- The front door -----------------------------------------------------------------
def bounded(cache: dict[str, Any]) -> dict[str, Any]:
    """*cache* with what a Redis needs so that one that hangs costs a request little."""
    if not cache["BACKEND"].endswith("redis.RedisCache"):
        return cache
    # environ leaves these in lower case, where Django does not look.
    named = {"key_prefix": "KEY_PREFIX", "version": "VERSION"}
    cache = {named.get(name, name): value for name, value in cache.items()}
    times = {"socket_timeout": 0.2, "socket_connect_timeout": 0.2}  # seconds
    return {**cache, "OPTIONS": {**times, **cache.get("OPTIONS", {})}}


# A cache in the database would put it on the accept path; intake/checks.py refuses one.
CACHES = {
    "default": bounded(
        env.address(
            "CACHE_URL",
            "locmemcache://?max_entries=50000",
            env.cache_url_config,
            env.CACHE_SCHEMES,
            example="rediscache://host:6379/0",
        )
    )
}
RATE_LIMIT_REQUESTS = env.int("RATE_LIMIT_REQUESTS", 2000)  # per client, 5 minutes
RATE_LIMIT_SIGNUPS = env.int("RATE_LIMIT_SIGNUPS", 50)  # per client, 5 minutes
# Of one producer with an API key, 5 minutes.
RATE_LIMIT_KEY_REQUESTS = env.int("RATE_LIMIT_KEY_REQUESTS", 20_000)
RATE_LIMIT_LOGINS = env.int("RATE_LIMIT_LOGINS", 20)  # per client, 5 minutes
RATE_LIMIT_MAILS = env.int("RATE_LIMIT_MAILS", 5)  # per mail address, 1 hour
# Whether producers have keys for the API.
API_KEYS = one_of("API_KEYS", "off", "optional", "required")
# How many proxies of ours stand in front and add to X-Forwarded-For.
TRUSTED_PROXY_COUNT = env.int("TRUSTED_PROXY_COUNT", 0)
if TRUSTED_PROXY_COUNT < 0:  # would believe the address that a client names itself
    raise ImproperlyConfigured(
        f"TRUSTED_PROXY_COUNT is {TRUSTED_PROXY_COUNT}."
        " Set it to the number of your proxies, 0 for none."
    )
# The page that sends samples.
DEMO = env.bool("DEMO", DEBUG)

# -- Static files -------------------------------------------------------------------
STATIC_URL = "static/"
STATIC_ROOT = BASE_DIR / "staticfiles"
STATICFILES_DIRS = [BASE_DIR / "static"]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"
        if DEBUG
        else "whitenoise.storage.CompressedManifestStaticFilesStorage"
    },
}

# -- Mail ---------------------------------------------------------------------------
_mail = env.address(
    "EMAIL_URL",
    f"filemail:///{VAR_DIR}/mail",
    env.email_url_config,
    env.EMAIL_SCHEMES,
    example="smtp+tls://user:password@host:587",
)
if _mail["EMAIL_BACKEND"].endswith("filebased.EmailBackend"):
    _mail["EMAIL_BACKEND"] = "processing.files.mail_files.EmailBackend"
vars().update(_mail)
DEFAULT_FROM_EMAIL = env.str("DEFAULT_FROM_EMAIL", "Holdfast <no-reply@localhost>")
EMAIL_TIMEOUT = 10  # seconds; below every queue's time limit

# -- SQS ----------------------------------------------------------------------------
AWS_REGION = env.str("AWS_REGION", "us-east-1")
AWS_ACCOUNT_ID = env.str("AWS_ACCOUNT_ID", "000000000000")
# Empty means Amazon's own endpoint.
SQS_ENDPOINT_URL = env.str("SQS_ENDPOINT_URL", "http://127.0.0.1:4566").rstrip("/")
SQS_QUEUE_PREFIX = env.str("SQS_QUEUE_PREFIX", "holdfast-")
SQS_WAIT_SECONDS = env.int("SQS_WAIT_SECONDS", 20)
SQS_MAX_RECEIVE_COUNT = env.int("SQS_MAX_RECEIVE_COUNT", 3)
FIFO_QUEUES = env.list("FIFO_QUEUES", default=[])
RETRY_BACKOFF_BASE_SECONDS = env.float("RETRY_BACKOFF_BASE_SECONDS", 30)

declare_fifo(FIFO_QUEUES)
_sqs_host = SQS_ENDPOINT_URL or f"https://sqs.{AWS_REGION}.amazonaws.com"
SQS_QUEUE_URLS = {
    name: f"{_sqs_host}/{AWS_ACCOUNT_ID}/{SQS_QUEUE_PREFIX}{name}{queue.suffix}"
    for queue in QUEUES.values()
    for name in (queue.name, queue.dlq)
}

# -- Celery -------------------------------------------------------------------------
# SQS is the only retry engine: a message is deleted after it was processed, and only then.
CELERY_BROKER_TRANSPORT = "processing.worker.transport:Transport"
CELERY_BROKER_URL = "sqs://" + SQS_ENDPOINT_URL.partition("//")[2]
CELERY_BROKER_TRANSPORT_OPTIONS = {
    "region": AWS_REGION,
    "is_secure": not SQS_ENDPOINT_URL.startswith("http://"),
    "predefined_queues": {
        queue.name: {"url": SQS_QUEUE_URLS[queue.name]} for queue in QUEUES.values()
    },
    "wait_time_seconds": SQS_WAIT_SECONDS,
    "polling_interval": 0.05,  # seconds between looks for a free prefetch slot
}
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_TASK_QUEUES = {
    queue.name: {"exchange": "", "routing_key": queue.name, "no_declare": True}
    for queue in QUEUES.values()
}
CELERY_TASK_DEFAULT_QUEUE = CELERY_TASK_DEFAULT_ROUTING_KEY = "jobs"
CELERY_TASK_DEFAULT_EXCHANGE = ""
CELERY_TASK_CREATE_MISSING_QUEUES = False
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_ACKS_ON_FAILURE = False
CELERY_TASK_ACKS_ON_TIMEOUT = False
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_TASK_PUBLISH_RETRY = False
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_WORKER_CONCURRENCY = env.int("WORKER_CONCURRENCY", 2)
CELERY_WORKER_PREFETCH_MULTIPLIER = env.int("WORKER_PREFETCH_MULTIPLIER", 10)
WORKER_HEARTBEAT_SECONDS = env.float("WORKER_HEARTBEAT_SECONDS", 20)
CELERY_WORKER_ENABLE_REMOTE_CONTROL = False
CELERY_WORKER_SEND_TASK_EVENTS = False
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
# Celery closes each database connection after each task; processing/worker/database_connections.py does better.
CELERY_DB_REUSE_MAX = 1_000_000_000
SPOOL_RELAY_SECONDS = env.float("SPOOL_RELAY_SECONDS", 10)
CELERY_BEAT_SCHEDULER = "project.beat:Scheduler"
CELERY_BEAT_SCHEDULE_FILENAME = str(VAR_DIR / "celerybeat-schedule")
CELERY_BEAT_SCHEDULE = {
    "pull": {
        "task": "dlq_review.pull",
        "schedule": env.float("DLQ_PULL_SECONDS", 30),
    },
    "settle": {
        "task": "dlq_review.settle",
        "schedule": env.float("DLQ_SETTLE_SECONDS", 10),
    },
    "operate": {
        "task": "dlq_review.operate",
        "schedule": env.float("OPERATE_SECONDS", 5),
    },
    "tell": {"task": "dlq_review.tell", "schedule": 30},
    "purge": {"task": "dlq_review.purge", "schedule": 3600},
    "recount": {"task": "dlq_review.recount", "schedule": 600},
    "relay": {
        "task": "processing.relay",
        "schedule": SPOOL_RELAY_SECONDS,
    },
}

# -- Review -------------------------------------------------------------------------
# A redriven event without an outcome for this long is shown as overdue, never resent.
REDRIVE_OVERDUE_SECONDS = env.int("REDRIVE_OVERDUE_SECONDS", 3600)
# Days after which what is settled loses its bodies; 0 keeps them.
RETENTION_DAYS = env.int("RETENTION_DAYS", 90)
# Failures of one queue in an hour that somebody is told of, when they are unusual.
ALERT_GROWTH = env.int("ALERT_GROWTH", 100)
# One click redrives, and can be undone for so long before it is sent; 0 sends at once.
REDRIVE_UNDO_SECONDS = env.int("REDRIVE_UNDO_SECONDS", 5)
# What was redriven so often is redriven again only with a reason; 0 for no limit.
REDRIVE_LIMIT = env.int("REDRIVE_LIMIT", 5)
# Other queues that events may be redriven to, as in orders:signups; never the jobs queue.
REDRIVE_TARGETS = env.list("REDRIVE_TARGETS", default=[])
# Who is mailed when a new kind of failure appears or an old one comes back.
ALERT_EMAILS = env.list("ALERT_EMAILS", default=[])

# -- Logs: key=value, a request id on every line that has one, never a payload --------
WORKER_NAME = env.str("WORKER_NAME", socket.gethostname())
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "line": {
            "()": "processing.delivery.error_texts.Formatter",
            "format": "time=%(asctime)s level=%(levelname)s logger=%(name)s %(message)s",
        }
    },
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["console"], "level": env.str("LOG_LEVEL", "INFO")},
    "loggers": {
        "botocore": {"level": "WARNING"},
        "botocore.credentials": {"level": "CRITICAL"},  # ours say it in one line
        "celery.worker.strategy": {"level": "WARNING"},  # ours say more
        "celery.app.trace": {"level": "WARNING"},
        "axes": {"level": "ERROR"},  # its other lines carry user names
    },
}
