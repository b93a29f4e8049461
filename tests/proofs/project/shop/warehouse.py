"""The warehouse's own system."""

import json
from urllib.request import Request, urlopen


def reserve(order_id):
    body = json.dumps({"order": order_id}).encode()
    request = Request("http://warehouse.invalid/reservations", body, {"Content-Type": "application/json"})
    with urlopen(request, timeout=10) as response:
        return json.load(response)
