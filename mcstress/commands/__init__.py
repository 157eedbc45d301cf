"""What ``mcstress`` does beside a run: check, report, replay."""
