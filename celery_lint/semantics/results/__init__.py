"""Results of tasks: whether and where they are stored, who reads them, and who waits for them."""
