"""Stands in for a site: machines, the devices on them, their faults and their lies, and the truth about all of it.

It knows the public contract (names, topics, payloads, files) and nothing of the service behind it: no other stage is
imported here. Everything runs on virtual time and comes from one seed; only `publish` and `replay` look at a clock.
"""
