"""The command `kohorte`: a look at a table, a study of it, and the workflow that runs studies.

Whatever it does, plain Snakemake does too; it names the files and prints the call.
"""
