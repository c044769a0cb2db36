"""Health endpoints and declared actions over HTTP/1.1."""
