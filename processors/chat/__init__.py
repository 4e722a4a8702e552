"""Chat archives: readers of exports and formatters of conversations."""
