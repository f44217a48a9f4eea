"""Puts the parts together: settings, the engine, the live service, backtest and the command line.

The only package that knows every concrete part. No decision about readings, alerts or orders is made here.
"""
