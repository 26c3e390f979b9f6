"""How often the analysis is right: simulated studies with planted truth."""
