from django.contrib.auth.decorators import login_required
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect

from .models import Order
from .tasks import charge_order, confirm_order, refund_order, send_reminders, tell_warehouse


@login_required
def checkout(request: HttpRequest) -> HttpResponse:
    with transaction.atomic():
        order = Order.objects.create(customer=request.user, amount=request.POST["amount"])
        confirm_order.delay(order.pk)
        transaction.on_commit(lambda: charge_order.delay(order.pk))
    tell_warehouse.delay(order.pk)
    return redirect("checkout")


@login_required
def cancel(request: HttpRequest, pk: int) -> HttpResponse:
    order = get_object_or_404(Order, pk=pk, customer=request.user)
    refund_order.delay(order.pk)
    return redirect("checkout")


def remind_unpaid(request: HttpRequest) -> HttpResponse:
    send_reminders.delay(Order.objects.unpaid().values_list("pk", flat=True))
    return HttpResponse(status=202)
