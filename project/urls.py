from django.contrib import admin
from django.urls import include, path

from intake.api.endpoints import api
from project import health, metrics

handler500 = "project.errors.server_error"
urlpatterns = [
    path("api/", api.urls),  # first: nothing is asked for as often
    path("", include("intake.urls")),
    path("admin/", admin.site.urls),
    path("healthz", health.healthz),
    path("readyz", health.readyz),
    path("metrics", metrics.metrics),
]
