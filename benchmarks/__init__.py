"""How fast it is, as ratios against a baseline measured in the same run. Start with `python -m benchmarks`."""
