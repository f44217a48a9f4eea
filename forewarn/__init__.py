"""Puts the parts together: settings (`config`), the engine, the service (`live`), runs over recorded readings
(`history`, with their `report`), the command line (`cli`) and the demo.

The only package that knows every concrete part. No decision about readings, alerts or orders is made here.
"""
