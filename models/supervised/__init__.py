"""What is learned from failures on record: how likely a device is to fail soon, from its readings and its log.

Features are made here, as readings and log entries arrive; trees that scikit-learn grew are read as arrays and climbed
here as well. Nothing here knows a threshold, a file or a clock, and only `fit` knows scikit-learn.
"""
