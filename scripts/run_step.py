"""Run a step: the function of the library that a rule names in `params.step`, as module:function.

It gets the inputs, outputs and params that the rule names, each as the argument of that name, and
`threads` where it has such an argument. Inputs without a name only say what has to be there.
"""

from importlib import import_module
from inspect import signature

from kohorte.study.logs import job_log


def run_step(step, threads, inputs, outputs, params):
    """Call a function, given as module:function, with what its rule names."""
    module, _, name = step.partition(":")
    function = getattr(import_module(module), name)
    if "threads" in signature(function).parameters:
        params = {**params, "threads": threads}
    function(**inputs, **outputs, **params)


if __name__ == "__main__":
    with job_log(snakemake.log[0]):
        params = dict(snakemake.params.items())
        step, _ = params.pop("step"), params.pop("library")
        run_step(
            step,
            snakemake.threads,
            dict(snakemake.input.items()),
            dict(snakemake.output.items()),
            params,
        )
