from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_POST

from .tasks import anonymise, send_welcome_mail


@login_required
@require_POST
def resend_welcome(request: HttpRequest) -> HttpResponse:
    send_welcome_mail.delay(request.user)
    return redirect("checkout")


@login_required
@require_POST
def close_account(request: HttpRequest) -> HttpResponse:
    anonymise(request.user.pk)
    return redirect("checkout")
