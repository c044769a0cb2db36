"""Sources polled on their own deadlines, the hub that keeps their readings, and the ring of log entries."""
