import logging

from celery import shared_task
from django.core.mail import send_mail
from django.utils import timezone

from .models import Customer

logger = logging.getLogger(__name__)


@shared_task(soft_time_limit=20, time_limit=30)
def send_welcome_mail(customer_id: int) -> None:
    customer = Customer.objects.get(pk=customer_id)
    if customer.welcomed_at is not None:
        return
    send_mail("Welcome to the shop", f"Hello {customer.username}!", None, [customer.email])
    customer.welcomed_at = timezone.now()
    customer.save(update_fields=["welcomed_at"])


@shared_task
def add_points(customer_id: int, points: int) -> None:
    customer = Customer.objects.get(pk=customer_id)
    customer.points += points
    customer.save(update_fields=["points"])


@shared_task
def anonymise(customer_id: int) -> None:
    changed = Customer.objects.filter(pk=customer_id).update(
        username=f"former-{customer_id}", email="", is_active=False
    )
    logger.info("anonymised customer %s: %s", customer_id, bool(changed))
