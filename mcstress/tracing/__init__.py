"""Traces: recorded in buffers of each greenlet, delivered beside the run, counted at both ends."""
