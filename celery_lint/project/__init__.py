"""The project's modules: what each defines, and how names resolve between them."""
