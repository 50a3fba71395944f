"""The benchmarks: ``python -m benchmarks [NAME …]`` prints one JSON line each.

Seconds are of this machine; what may be quoted elsewhere are the ratios within one line.
"""
