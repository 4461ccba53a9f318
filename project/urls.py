from django.contrib import admin
from django.urls import include, path

from intake.api import api

urlpatterns = [
    path("", include("intake.urls")),
    path("api/", api.urls),
    path("admin/", admin.site.urls),
]
