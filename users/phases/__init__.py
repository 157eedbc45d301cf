"""The ten phases of a round, one file each."""
