"""Messages of kombu's transport over files, each put into its folder whole.

kombu opens a message where others look for it and then writes it (kombu/transport/filesystem.py, `_put`): a
reader that comes in between finds an empty file, and the worker ends. To import this module is to have each message
written under a name that nobody reads, and moved. Workers have a copy of it as their `sitecustomize`.
"""

from __future__ import annotations

import os
import time
import uuid
from typing import Any

from kombu.transport.filesystem import Channel
from kombu.utils.json import dumps


def _put(self: Channel, queue: str, payload: Any, **_: Any) -> None:
    # By name the oldest message comes first.
    name = f"{round(time.monotonic() * 1000)}_{uuid.uuid4()}.{queue}.msg"
    path = os.path.join(self.data_folder_out, name)
    with open(f"{path}.new", "w", encoding="utf-8") as file:
        file.write(dumps(payload))
    os.replace(f"{path}.new", path)


Channel._put = _put
