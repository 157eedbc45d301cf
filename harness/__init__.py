"""What hangs it all on Locust: options, seats, listener, drain, progress, web."""
