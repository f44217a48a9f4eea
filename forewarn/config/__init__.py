"""Settings, the user's files that they name, and the parts as they ask for them. Starts nothing."""
