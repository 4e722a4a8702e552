"""Usage of models: readers of session logs."""
