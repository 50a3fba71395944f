"""Runs beside one another: pairs, intervals, a report."""
