"""The benchmarks behind `trapline bench`."""
