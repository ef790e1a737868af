"""The sets of a suite of labelled tables, and what is compared on them."""

SUITE = os.environ.get("KOHORTE_SUITE", "")
SUITE_SETS = {
    f"{file.parent.name}/{file.name.removesuffix('.data.gz')}": file
    for file in sorted(Path(SUITE).glob("*/*.data.gz") if SUITE else [])
}
# Those of kohorte, with and without maps; and others, which do not depend on the library.
OWN_METHODS, PEER_METHODS = ["kohorte", "published", "labels"], ["common", "genie", "m3c"]
COMPARED_METHODS = os.environ.get("KOHORTE_METHODS", "").split() or OWN_METHODS + PEER_METHODS
WITH_NULL = os.environ.get("KOHORTE_NULL", "") not in ("", "0")
SUITE_SEED = 42
GENIE = Path(".genie/bin/python")
LEFT_OUT = []
if "genie" in COMPARED_METHODS and not GENIE.exists():
    COMPARED_METHODS = [name for name in COMPARED_METHODS if name != "genie"]
    LEFT_OUT = ["Genie, since envs/genie.txt is not installed (.genie)"]

UNSTRUCTURED = (
    "gaussian gaussian_6d gaussian_correlated uniform uniform_6d uniform_disc sphere exponential "
    "student_t line gradient ring banana gaussian_150_points exponential_150_points gaussian_20d "
    "uniform_5000_points"
).split()
STRUCTURED = (
    "two_gaussians_at_2 two_gaussians_at_3 two_gaussians_at_4 two_gaussians_at_5 linked_rings "
    "ball_in_shell seven_balls bullseye facing_slabs three_shapes four_balls two_spirals chains"
).split()
NULL_TABLES = int(os.environ.get("KOHORTE_NULL_TABLES", "") or 20)


def suite_tables(wildcards):
    """The tables of all sets and methods, where there is a suite."""
    unknown = set(COMPARED_METHODS) - {*OWN_METHODS, *PEER_METHODS}
    if unknown:
        known = " ".join(OWN_METHODS + PEER_METHODS)
        raise WorkflowError(f"METHODS: unknown {' '.join(sorted(unknown))}; choose from {known}")
    if not SUITE_SETS:
        raise WorkflowError(
            f"SUITE={SUITE}: no <battery>/<set>.data.gz there. Give the folder of a suite, such as "
            "that of Gagolewski, SoftwareX 20 (2022) 101270: make compare-clusterings SUITE=folder"
        )
    return expand(
        "results/benchmarks/clusterings/{set}/{methods}.csv",
        set=SUITE_SETS,
        methods=COMPARED_METHODS,
    )


def set_data(wildcards):
    """The points of a set."""
    return as_given(str(SUITE_SETS[wildcards.set]))


def set_labels(wildcards):
    """The reference labelings of a set."""
    data = SUITE_SETS[wildcards.set]
    name = data.name.removesuffix(".data.gz")
    return [as_given(str(file)) for file in sorted(data.parent.glob(f"{name}.labels*.gz"))]


def published_file(wildcards):
    """Indices that the suite has of published methods, if any."""
    file = Path(SUITE, "published_ari.csv")
    return [as_given(str(file))] if file.exists() else []
