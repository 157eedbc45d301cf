"""What Locust's web UI gets from us: tab, live page, start form."""
