"""CEL504."""

from __future__ import annotations

from collections.abc import Iterator

from celery_lint.findings import AddArguments, Applicability, Finding, Fix, Severity
from celery_lint.rules.base import Rule
from celery_lint.semantics.context import FileContext, related
from celery_lint.semantics.time.limits import is_limited
from celery_lint.semantics.time.timeouts import Untimed, untimed_calls

_SECONDS = {"network": 30, "process": 300}


class CallWithoutTimeout(Rule):
    """A task waits for an answer without a timeout.

    ## What it does
    Reports calls that wait for another machine, or for a process, as long as it takes, in
    tasks and in the functions that they call: `requests` and its sessions, `urlopen`,
    connections of `socket`, `smtplib`, `ftplib`, `imaplib`, `poplib` and `http.client`,
    `paramiko`, clients of `redis`, futures of Pub/Sub, and `subprocess`.

    ## Why is this bad
    None of them gives up by itself. A server that has taken the connection and never
    answers holds the task, and its worker process with it; with a few of those the worker
    is up and runs nothing. A time limit ends such a run, but kills it wherever it stands;
    a timeout is an exception at the call, which can be handled and retried.

    ## Example
    ```python
    @shared_task
    def fetch_rates(url):
        return requests.get(url).json()
    ```

    ## Use instead
    ```python
    @shared_task
    def fetch_rates(url):
        return requests.get(url, timeout=30).json()
    ```

    ## Silent when
    A timeout is given, or may be (`**options`); a session has an adapter of your own, or
    something is set on it; the call stands in a `with` block or under a decorator that is
    named as a timeout, or the function sets an alarm; `socket.setdefaulttimeout` is called
    somewhere. A process is reported only in a task without a time limit. `httpx`, `aiohttp`
    and `boto3` have timeouts of their own, unless `httpx` is given `timeout=None`. Tests are left alone.

    ## Fix safety
    Unsafe: what lasts longer than the timeout raises from then on. The fix gives 30 seconds,
    and a process 300: choose what the call needs.

    ## References
    - [Requests: timeouts](https://requests.readthedocs.io/en/latest/user/advanced/#timeouts)
    """

    severity = Severity.WARNING
    fixable = "unsafe"

    def check_file(self, file: FileContext) -> Iterator[Finding]:
        hub = file.hub
        if file.is_test:
            return
        for untimed in untimed_calls(hub, file.module):
            path = hub.roles.task_path(untimed.call.flow.function)
            if path is None or (untimed.kind == "process" and is_limited(hub, path.task)):
                continue
            call = untimed.call
            who = "a process that never ends" if untimed.kind == "process" else "a server that never answers"
            until = "for as long as it may run" if is_limited(hub, path.task) else "for ever"
            message = f"`{file.text(call.node.func)}` has no timeout: {who} holds the task `{path.task.name}` {until}"
            steps = path.steps if len(path.steps) > 1 else ()
            yield self.finding(file.place(call.node), message, related=related(steps), fix=_fix(untimed, file))


def _fix(untimed: Untimed, file: FileContext) -> Fix | None:
    if any(arg.star for arg in untimed.call.args):
        return None
    seconds = _SECONDS[untimed.kind]
    change = AddArguments(file.place(untimed.call.node), ((untimed.keyword, str(seconds)),))
    return Fix(Applicability.UNSAFE, f"Give up after {seconds} seconds", (change,))
