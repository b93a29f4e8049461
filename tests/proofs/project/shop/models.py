from django.db import models


class Customer(models.Model):
    name = models.CharField(max_length=80)
    email = models.EmailField()


class Product(models.Model):
    name = models.CharField(max_length=80)
    price = models.IntegerField(default=0)
    views = models.IntegerField(default=0)


class Order(models.Model):
    customer = models.ForeignKey(Customer, on_delete=models.CASCADE)
    products = models.ManyToManyField(Product)
    status = models.CharField(max_length=20, default="new")
    total = models.IntegerField(default=0)
    paid_at = models.DateTimeField(null=True)
