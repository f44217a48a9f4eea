"""The HTML page of a backtest: one file, both languages, charts inside. Shows what was decided elsewhere."""
