"""Rules on retries."""
