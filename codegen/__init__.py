"""From a program to kernels: lowering, scheduling, four backends, and the cache of what they built."""
