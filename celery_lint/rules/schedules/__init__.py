"""8xx: what beat sends, and when."""
