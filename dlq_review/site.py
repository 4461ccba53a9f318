from django.contrib import admin


class TriageSite(admin.AdminSite):
    site_header = "Holdfast"
    site_title = "Holdfast"
    index_title = "Overview"
