"""Benchmarks: each starts what it measures, drives it from other processes, prints and keeps JSON."""
