"""Beat's schedules: their entries, and when each is due."""
