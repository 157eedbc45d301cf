"""Who decides when an event begins: pacers, of which a run has one."""
