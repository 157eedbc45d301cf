"""What could not be delivered, kept in files that can be replayed."""
