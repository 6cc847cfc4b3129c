"""Parallel networks of three and more layers."""
