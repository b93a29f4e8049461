from django.contrib.auth.models import AbstractUser
from django.db import models


class Customer(AbstractUser):
    points = models.PositiveIntegerField(default=0)
    welcomed_at = models.DateTimeField(null=True, blank=True)
