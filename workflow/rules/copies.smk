"""Labels on the grid of a raster or NetCDF source, in its form -> results/<study>/labels.tif, .nc."""

# What comes back on the grid of the source, with its coordinates, where it is of such a kind.
GRID_COPY = []
if HAS_DATA and (suffix := GRIDS.get(extension(config["data"]["source"]))):
    GRID_COPY = [f"<results>/labels{suffix}"]


if GRID_COPY:

    rule write_grid_copy:
        input:
            source=source_file,
            data=data_file(),
            ensemble="<results>/ensemble.h5",
        output:
            copy=GRID_COPY[0],
        log:
            "<logs>/write_grid_copy.log",
        benchmark:
            "<benchmarks>/write_grid_copy.tsv"
        conda:
            ENVIRONMENT
        threads: 1
        resources:
            mem_mb=memory("prepare_data"),
            runtime=run_time("prepare_data"),
        params:
            **step("kohorte.analysis.copies:write_copy", "data/writing", *READING),
            options=config["data"],
        script:
            RUN_STEP
