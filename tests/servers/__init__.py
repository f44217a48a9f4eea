"""Real servers for tests: brokers, stores and databases on free loopback ports and in temporary folders.

Fixtures are in `plugin`; each server's own file says how it starts and how one sees that it is ready.
"""
