"""One file per place that runs jobs, all of one shape, and the registry."""
