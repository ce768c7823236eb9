"""For every test: no test of ours asserts a wall-clock time, so hypothesis does not either."""

from hypothesis import settings

settings.register_profile("callcenter", deadline=None)
settings.load_profile("callcenter")
