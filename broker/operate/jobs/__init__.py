"""The job engine: which kind of job runs which function, and what keeps jobs from being lost."""
