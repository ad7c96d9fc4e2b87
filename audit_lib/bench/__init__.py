"""Benchmarks. Each prints ratios measured in one run: absolute times on a shared machine say little."""
