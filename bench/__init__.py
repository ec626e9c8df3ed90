"""Benchmarks: each starts what it measures, drives it from other processes, and prints figures."""
