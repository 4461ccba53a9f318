"""Mail: by a server, or into files."""

from project.settings.process import VAR_DIR, env

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
