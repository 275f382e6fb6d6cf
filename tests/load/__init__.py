"""Measurements of the clock (时限量测), run by `make bench` and `make chaos`."""
