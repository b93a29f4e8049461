import os

from celery import Celery
from celery.schedules import crontab

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "shop.settings")

app = Celery("shop")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
app.conf.beat_schedule = {
    "update-exchange-rates": {
        "task": "reports.tasks.update_exchange_rates",
        "schedule": crontab(hour=5, minute=10),
    },
}
