from django.contrib import admin
from django.urls import include, path

from intake.api import api
from project.health import healthz, readyz

urlpatterns = [
    path("healthz", healthz),
    path("readyz", readyz),
    path("", include("intake.urls")),
    path("api/", api.urls),
    path("admin/", admin.site.urls),
]
