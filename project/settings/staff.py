"""Staff: sessions, passwords, locks after wrong ones, the second factor."""

from urllib.parse import urlsplit

from project.settings.process import env
from project.settings.site import SITE_URL

AUTH_USER_MODEL = "processing.User"
SESSION_COOKIE_AGE = env.int("SESSION_COOKIE_AGE", 8 * 3600)
# Staff who did nothing for so long log in again; 0 for no limit.
STAFF_IDLE_SECONDS = env.int("STAFF_IDLE_SECONDS", 3600)
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
STAFF_SECOND_FACTOR = env.one_of("STAFF_SECOND_FACTOR", "off", "optional", "required")
OTP_TOTP_ISSUER = f"Holdfast {urlsplit(SITE_URL).hostname}"  # how the app names us
