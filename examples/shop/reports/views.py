from celery.result import AsyncResult
from django.http import HttpRequest, JsonResponse

from .tasks import sales_report


def sales(request: HttpRequest, year: int) -> JsonResponse:
    result = sales_report.delay(year)
    return JsonResponse(result.get(timeout=30))


def state(request: HttpRequest, task_id: str) -> JsonResponse:
    result = AsyncResult(task_id)
    return JsonResponse({"task": task_id, "state": result.state})
