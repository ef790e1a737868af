"""What the jobs of the workflow do, from files to files, and what they used."""
