"""A playbook as it is worked through: offers bound to a profile, sessions with states and clocks, suggestions."""
