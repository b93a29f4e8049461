from accounts import views as accounts
from django.urls import path
from orders import views as orders
from reports import views as reports

urlpatterns = [
    path("account/welcome/", accounts.resend_welcome, name="resend-welcome"),
    path("account/close/", accounts.close_account, name="close-account"),
    path("checkout/", orders.checkout, name="checkout"),
    path("orders/<int:pk>/cancel/", orders.cancel, name="cancel-order"),
    path("orders/remind/", orders.remind_unpaid, name="remind-unpaid"),
    path("reports/sales/<int:year>/", reports.sales, name="sales"),
    path("reports/<str:task_id>/", reports.state, name="report-state"),
]
