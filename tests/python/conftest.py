"""Settings of the test suite."""

from hypothesis import settings

settings.register_profile("suite", deadline=None, derandomize=True, max_examples=50, database=None)
settings.load_profile("suite")
