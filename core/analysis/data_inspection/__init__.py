"""Inspection of a data set: what it is, whether it is as it was published, and what its splits share.

Published statistics of data sets are in the folder `published`; `benchmarks/published_statistics.py` makes them.
"""
