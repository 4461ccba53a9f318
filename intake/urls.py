from django.urls import path

from intake.pages import demo_views, verify_views, views

app_name = "intake"
urlpatterns = [
    path("", views.home, name="home"),
    path("orders/new", views.OrderView.as_view(), name="order"),
    path("signups/new", views.SignupView.as_view(), name="signup"),
    path("receipts/<token>/", views.receipt, name="receipt"),
    path("orders/change", views.ChangeView.as_view(), name="change"),
    path("verify/<token>/", verify_views.VerifyView.as_view(), name="verify"),
    path("demo/", demo_views.page, name="demo"),
    path("demo/broken", demo_views.send_broken, name="send_broken"),
    path("demo/<kind>", demo_views.send, name="demo_send"),
    path("demo/sent/<token>/", demo_views.sent, name="demo_sent"),
]
