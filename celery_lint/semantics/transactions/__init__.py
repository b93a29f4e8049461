"""Transactions: which code runs in one, what it writes, and what leaves before the commit."""
