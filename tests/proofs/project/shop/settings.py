import json
import os
from pathlib import Path

DATA = Path(os.environ.get("SHOP_DATA", "."))

SECRET_KEY = "only-for-the-proofs"
ALLOWED_HOSTS = ["localhost"]
INSTALLED_APPS = ["shop"]
USE_TZ = True
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"

DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": DATA / "shop.sqlite3",
        "OPTIONS": {"timeout": 20},
    },
    "archive": {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": DATA / "archive.sqlite3",
    },
}

CELERY_BROKER_URL = os.environ.get("SHOP_BROKER", "memory://")
CELERY_BROKER_TRANSPORT_OPTIONS = json.loads(os.environ.get("SHOP_BROKER_OPTIONS", "{}"))
CELERY_RESULT_BACKEND = os.environ.get("SHOP_RESULTS", "cache+memory://")
