"""Dispatches: what sends a task, with which arguments and options, alone or in a canvas."""
