"""The whole path on one page: readings and ticks in; scores, alerts and what became of the rows out.

Pure and deterministic: no clock, no I/O, no randomness. The live service, the backtest and the tests run this class.
"""
