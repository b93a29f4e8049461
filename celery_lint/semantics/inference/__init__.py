"""What expressions, names and calls give: values, and the flow of a function."""
