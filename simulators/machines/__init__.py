"""Machines, not noise: physical models of usual assets, a file each, with the source each is built on.

A model turns time, weather, load and the effects of faults into what its sensors would see without error. Every
signal is a pure function of time, so that nothing depends on how time is cut.
"""
