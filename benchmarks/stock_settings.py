"""Our settings, with the stock view in place of our pages and Django's own middleware."""

from project.settings import *  # noqa: F403

ROOT_URLCONF = "benchmarks.stock_view"
MIDDLEWARE = [  # as `django-admin startproject` writes it
    "django.middleware.security.SecurityMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]
