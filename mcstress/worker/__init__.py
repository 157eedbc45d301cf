"""The process in which users live: it records, hands over, and drains."""
