"""The rules' claims, run on real Celery and real Django.

One module a rule, `test_cel201.py`. It holds the code that the rule is about as
the text of one module each, and tests that run both and say what happens:

    BAD = '''...'''                 what the rule reports
    REPAIRED = '''...'''            the same code as the rule wants it

Another form of the same defect is a second pair with a suffix of its own,
`BAD_UPDATE` and `REPAIRED_UPDATE`; a second repair of the same code needs only
a `REPAIRED_...`. The texts are modules of the small project in `project/shop`,
`shop.tasks` unless the test module sets `MODULE`. Keep what is to be observed in
a function that takes the text (`receipts(shop, source)`), so that any other
repair of the bad code can be observed in the same way: the linter's own repair
is run in the place of `REPAIRED` too (`conftest.py`).

`harness.py` is the fixture `shop`: the project with a fresh application, broker,
database and worker thread. `prefork.py` runs a worker with processes, for what
happens only there. `examples.py` collects the texts of all rules.
"""
