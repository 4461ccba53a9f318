"""The database: PostgreSQL, or an embedded SQLite."""

from contextlib import suppress
from pathlib import Path

from processing.files.private_files import close_to_others, make_private_file
from project.settings.process import VAR_DIR, env

DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
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
