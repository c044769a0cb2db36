"""Frozen values that every layer shares. No I/O, no clocks, no vendor names that are not the field's own."""
