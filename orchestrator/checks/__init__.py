"""One file a check: reads the host, yields faults."""
