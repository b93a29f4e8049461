import logging

import requests
from accounts.tasks import add_points
from celery import shared_task
from django.core.mail import send_mail
from django.db import transaction

from .models import Order
from .payments import PaymentError, charge

logger = logging.getLogger(__name__)


@shared_task(soft_time_limit=20, time_limit=30)
def confirm_order(order_id: int) -> None:
    order = Order.objects.select_related("customer").get(pk=order_id)
    send_mail("Your order", f"We have your order {order.pk}.", None, [order.customer.email])


@shared_task(soft_time_limit=50, time_limit=60)
def send_reminders(order_ids: list[int]) -> None:
    for order in Order.objects.filter(pk__in=order_ids).select_related("customer"):
        send_mail("Your order", f"Order {order.pk} is not paid yet.", None, [order.customer.email])


@shared_task(
    autoretry_for=(requests.RequestException,), retry_backoff=True, soft_time_limit=40, time_limit=60
)
def charge_order(order_id: int) -> None:
    order = Order.objects.get(pk=order_id)
    charge(order.customer_id, order.amount)
    response = requests.put(f"https://stock.example.com/orders/{order.pk}", timeout=10)
    response.raise_for_status()
    add_points.delay(order.customer_id, 10)


@shared_task(bind=True, max_retries=5, soft_time_limit=40, time_limit=60)
def refund_order(self, order_id: int) -> None:
    with transaction.atomic():
        order = Order.objects.select_for_update().get(pk=order_id)
        if order.status != Order.Status.PAID:
            return
        try:
            charge(order.customer_id, -order.amount)
        except PaymentError as exc:
            raise self.retry(exc=exc, countdown=60)
        order.status = Order.Status.CANCELLED
        order.save(update_fields=["status"])


@shared_task(bind=True, max_retries=3, soft_time_limit=20, time_limit=30)
def tell_warehouse(self, order_id: int) -> None:
    try:
        response = requests.put(f"https://warehouse.example.com/orders/{order_id}", timeout=10)
        if response.status_code == 503:
            raise self.retry(countdown=30)
    except Exception:
        logger.exception("the warehouse does not know of order %s", order_id)


@shared_task
def forget_order(order_id: int) -> None:
    logger.info("order %s is gone", order_id)
