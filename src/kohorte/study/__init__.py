"""A study: its configuration, plan, jobs and record."""
