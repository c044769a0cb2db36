"""The hash-chained record of what was intended and what came of it, and the journal of what served."""
