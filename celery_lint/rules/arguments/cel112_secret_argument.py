"""CEL112."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from celery_lint.findings import Finding, Severity
from celery_lint.rules.base import Rule
from celery_lint.semantics.context import FileContext
from celery_lint.semantics.definition.taskparams import parameter_of
from celery_lint.semantics.dispatching.secrets import held_secret, secret_of
from celery_lint.semantics.dispatching.signatures import runs_here
from celery_lint.semantics.model import Dispatch, Sent


class SecretArgument(Rule):
    """A password, a token or a card number is passed to a task.

    ## What it does
    Reports arguments of dispatches and signatures that are secrets by their name, the name
    of the task's parameter or the key in a dict: passwords, tokens, API keys, card numbers.
    Advice: names can mislead.

    ## Why is this bad
    Messages are not encrypted. The secret stands in clear text in the broker, in the
    message's headers (`argsrepr`, `kwargsrepr`), which monitoring shows, and in the log of a
    task that fails. `argsrepr=` hides it in the headers only.

    ## Example
    ```python
    send_password.delay(user.pk, password)
    ```

    ## Use instead
    Pass a reference, and let the task read or make the secret:
    ```python
    send_password_link.delay(user.pk)
    ```

    ## Silent when
    The argument is a key, a flag, a number or a date; its name says that it is hashed or
    encrypted, or a call does it; another serializer than Celery's own is in force.

    ## References
    - [Celery: hiding sensitive information](https://docs.celeryq.dev/en/stable/userguide/tasks.html#hiding-sensitive-information-in-arguments)
    - [Celery: security](https://docs.celeryq.dev/en/stable/userguide/security.html)
    """

    severity = Severity.ADVICE

    def check_dispatch(self, dispatch: Dispatch, file: FileContext) -> Iterator[Finding]:
        if not dispatch.sent or file.is_test or file.hub.serializers.kind(dispatch) == "other" or runs_here(dispatch):
            return
        name = f"`{dispatch.task.name}`" if dispatch.task is not None else "the task"
        for sent in dispatch.sent:
            for node, what in self._secrets(sent, dispatch, file):
                yield self.finding(
                    file.place(node),
                    f"`{file.text(node, 40)}` {what}, by its name: it stands in clear text in the message of"
                    f" {name}, in the broker and in what monitoring shows",
                )

    def _secrets(self, sent: Sent, dispatch: Dispatch, file: FileContext) -> Iterator[tuple[ast.expr, str]]:
        hub, node = file.hub, sent.node
        if isinstance(node, ast.Dict):
            for key, item in zip(node.keys, node.values, strict=True):
                name = key.value if isinstance(key, ast.Constant) else None
                yield from self._secrets(Sent(item, dispatch.flow.value(item), str(name)), dispatch, file)
            return
        parameter = sent.keyword or parameter_of(dispatch, node)
        found = secret_of(hub, node, sent.value, [parameter] if parameter else [])
        if found is not None:
            yield node, f"is {found}"
            return
        held = held_secret(hub, sent.value)
        if held is not None:
            yield node, f"holds {held}"
