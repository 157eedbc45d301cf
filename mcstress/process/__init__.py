"""What a process of ours sets up for itself: garbage collection, greenlets, open files."""
