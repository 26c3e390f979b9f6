"""From a request to its report: plan, pool of worker processes, progress, results."""
