"""Which code runs which: the call graph, callbacks, `with` blocks, and what runs next."""
