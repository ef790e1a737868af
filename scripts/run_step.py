"""Run a step: the function of the library that a rule names in `params.step`, as module:function.

It gets the inputs, outputs and params that the rule names, each as the argument of that name, and
`threads` where it has such an argument. Inputs without a name only say what has to be there.
"""

from importlib import import_module
from inspect import signature

from kohorte.study.logs import job_log

if __name__ == "__main__":
    with job_log(snakemake.log[0], snakemake.input):
        params = dict(snakemake.params.items())
        module, _, name = params.pop("step").partition(":")
        function = getattr(import_module(module), name)
        for name in ("library", "content"):
            params.pop(name, None)  # which only make results stale
        if "threads" in signature(function).parameters:
            params["threads"] = snakemake.threads
        # A name of both an input and an output is an error, as in any call.
        function(**dict(snakemake.input.items()), **dict(snakemake.output.items()), **params)
