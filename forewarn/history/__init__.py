"""What runs over recorded history: backtest and comparison, import, and training. Never tells anybody of an alert."""
