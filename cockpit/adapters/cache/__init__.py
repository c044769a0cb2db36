"""Redis and Valkey over their own protocol."""
