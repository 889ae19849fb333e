"""The slow truth and the comparisons with it."""
