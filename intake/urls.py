from django.urls import path

from intake import views

app_name = "intake"
urlpatterns = [
    path("", views.home, name="home"),
    path("orders/new", views.OrderView.as_view(), name="order"),
    path("signups/new", views.SignupView.as_view(), name="signup"),
    path("receipts/<token>/", views.receipt, name="receipt"),
    path("verify/<token>/", views.VerifyView.as_view(), name="verify"),
    path("demo/broken", views.send_broken, name="send_broken"),
]
