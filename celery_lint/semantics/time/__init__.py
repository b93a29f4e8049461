"""Time: how long a task may run, what it waits for, and what ends it."""
