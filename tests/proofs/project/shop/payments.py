"""The payment provider."""

import json
from urllib.request import Request, urlopen


def charge(order_id, amount):
    body = json.dumps({"order": order_id, "amount": amount}).encode()
    request = Request("http://payments.invalid/charges", body, {"Content-Type": "application/json"})
    with urlopen(request, timeout=10) as response:
        return json.load(response)
