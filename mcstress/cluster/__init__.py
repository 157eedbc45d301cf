"""What passes between the master and its workers."""
