"""What the runs say: cells, effects, verdicts and caveats, from data frames alone."""
