from functools import partial

from django.db import transaction
from django.db.models.signals import post_delete, post_save
from django.dispatch import receiver
from reports.tasks import refresh_totals

from .models import Order
from .tasks import forget_order


@receiver(post_save, sender=Order)
def order_saved(sender, instance, created, **kwargs):
    if created:
        transaction.on_commit(partial(refresh_totals.delay, instance.placed_at.year))


@receiver(post_delete, sender=Order)
def order_deleted(sender, instance, **kwargs):
    forget_order.delay(instance.pk)
