"""Everything that changes something: declared, planned, guarded, confirmed and run in one executor."""
