"""Usage of models: readers of session logs, the spender, and the report."""
