"""Measurements: ratios to peers and limits in the same run, never absolute promises."""
