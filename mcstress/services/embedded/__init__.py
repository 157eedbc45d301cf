"""The stack that is started when no --host is given: a real server in its own process."""
