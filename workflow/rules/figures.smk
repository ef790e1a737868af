"""Figures: results/<study>/*.h5 and tables -> results/<study>/figures/*.pdf and *.png."""

FIGURES = ["clusters", "ranking", "similarity"]
FIGURES_OF_MAPS = ["umatrix", "component_planes", "hits", "quality"]
FIGURES_OF_HISTORIES = ["history"]
FIGURES_OF_SNAPSHOTS = ["snapshots"]
FIGURES_OF_PAIRS = ["agreement", "stability", "sufficiency"]
FIGURES_OF_SWEEPS = ["effects"]
FIGURES_OF_POINTS = ["signal", "confidence"]


rule figures:
    input:
        expand(
            "<results>/figures/{name}.{format}",
            name=[
                *FIGURES,
                *(FIGURES_OF_MAPS if HAS_MAPS else []),
                *(FIGURES_OF_HISTORIES if HAS_MAPS and config["training"]["history"] else []),
                *(FIGURES_OF_SNAPSHOTS if HAS_MAPS and config["training"]["snapshots"] else []),
                *(FIGURES_OF_PAIRS if len(STUDY.realizations or STUDY.labels) > 1 else []),
                *(FIGURES_OF_SWEEPS if STUDY.swept else []),
                *(FIGURES_OF_POINTS if HAS_DATA else []),
                *config["figures"]["extra"],
            ],
            format=["pdf", "png"],
        ),


rule plot_umatrix:
    input:
        labels=label_sources(),
        ensemble="<results>/ensemble.h5",
    output:
        pdf="<results>/figures/umatrix.pdf",
        png=report(
            "<results>/figures/umatrix.png",
            caption="../report/umatrix.rst",
            category="Map",
            labels={"figure": "umatrix"},
        ),
    log:
        "<logs>/plot_umatrix.log",
    benchmark:
        "<benchmarks>/plot_umatrix.tsv"
    conda:
        "../../envs/kohorte.yaml"
    threads: 1
    resources:
        mem_mb=memory("plot"),
        runtime=run_time("plot"),
    params:
        realization=config["figures"]["realization"],
        library=library_digest("figures"),
    script:
        "../../scripts/plot_umatrix.py"


rule plot_component_planes:
    input:
        labels=label_sources(),
        ensemble="<results>/ensemble.h5",
        data="<results>/data.h5",
    output:
        pdf="<results>/figures/component_planes.pdf",
        png=report(
            "<results>/figures/component_planes.png",
            caption="../report/component_planes.rst",
            category="Map",
            labels={"figure": "component planes"},
        ),
    log:
        "<logs>/plot_component_planes.log",
    benchmark:
        "<benchmarks>/plot_component_planes.tsv"
    conda:
        "../../envs/kohorte.yaml"
    threads: 1
    resources:
        mem_mb=memory("plot"),
        runtime=run_time("plot"),
    params:
        realization=config["figures"]["realization"],
        library=library_digest("figures"),
    script:
        "../../scripts/plot_component_planes.py"


rule plot_hits:
    input:
        labels=label_sources(),
        ensemble="<results>/ensemble.h5",
        data="<results>/data.h5",
    output:
        pdf="<results>/figures/hits.pdf",
        png=report(
            "<results>/figures/hits.png",
            caption="../report/hits.rst",
            category="Map",
            labels={"figure": "hits"},
        ),
    log:
        "<logs>/plot_hits.log",
    benchmark:
        "<benchmarks>/plot_hits.tsv"
    conda:
        "../../envs/kohorte.yaml"
    threads: 1
    resources:
        mem_mb=memory("plot"),
        runtime=run_time("plot"),
    params:
        realization=config["figures"]["realization"],
        library=library_digest("figures"),
    script:
        "../../scripts/plot_hits.py"


rule plot_snapshots:
    input:
        labels=label_sources(),
        ensemble="<results>/ensemble.h5",
        data="<results>/data.h5",
    output:
        pdf="<results>/figures/snapshots.pdf",
        png=report(
            "<results>/figures/snapshots.png",
            caption="../report/snapshots.rst",
            category="Map",
            labels={"figure": "snapshots"},
        ),
    log:
        "<logs>/plot_snapshots.log",
    benchmark:
        "<benchmarks>/plot_snapshots.tsv"
    conda:
        "../../envs/kohorte.yaml"
    threads: 1
    resources:
        mem_mb=memory("plot"),
        runtime=run_time("plot"),
    params:
        realization=config["figures"]["realization"],
        library=library_digest("figures"),
    script:
        "../../scripts/plot_snapshots.py"


rule plot_quality:
    input:
        realizations="<results>/tables/realizations.csv",
        choice="<results>/tables/choice.csv",
        ensemble="<results>/ensemble.h5",
    output:
        pdf="<results>/figures/quality.pdf",
        png=report(
            "<results>/figures/quality.png",
            caption="../report/quality.rst",
            category="Realizations",
            labels={"figure": "quality"},
        ),
    log:
        "<logs>/plot_quality.log",
    benchmark:
        "<benchmarks>/plot_quality.tsv"
    conda:
        "../../envs/kohorte.yaml"
    threads: 1
    resources:
        mem_mb=memory("plot"),
        runtime=run_time("plot"),
    params:
        swept=STUDY.swept,
        color_by=config["figures"]["color_by"],
        library=library_digest("figures", "analysis/choice"),
    script:
        "../../scripts/plot_quality.py"


rule plot_history:
    input:
        labels=label_sources(),
        realizations="<results>/tables/realizations.csv",
        ensemble="<results>/ensemble.h5",
    output:
        pdf="<results>/figures/history.pdf",
        png=report(
            "<results>/figures/history.png",
            caption="../report/history.rst",
            category="Realizations",
            labels={"figure": "history"},
        ),
    log:
        "<logs>/plot_history.log",
    benchmark:
        "<benchmarks>/plot_history.tsv"
    conda:
        "../../envs/kohorte.yaml"
    threads: 1
    resources:
        mem_mb=memory("plot"),
        runtime=run_time("plot"),
    params:
        swept=STUDY.swept,
        color_by=config["figures"]["color_by"],
        library=library_digest("figures", "analysis/choice"),
    script:
        "../../scripts/plot_history.py"


rule plot_clusters:
    input:
        realizations="<results>/tables/realizations.csv",
    output:
        pdf="<results>/figures/clusters.pdf",
        png=report(
            "<results>/figures/clusters.png",
            caption="../report/clusters.rst",
            category="Realizations",
            labels={"figure": "clusters"},
        ),
    log:
        "<logs>/plot_clusters.log",
    benchmark:
        "<benchmarks>/plot_clusters.tsv"
    conda:
        "../../envs/kohorte.yaml"
    threads: 1
    resources:
        mem_mb=memory("plot"),
        runtime=run_time("plot"),
    params:
        swept=STUDY.swept,
        library=library_digest("figures"),
    script:
        "../../scripts/plot_clusters.py"


rule plot_agreement:
    input:
        realizations="<results>/tables/realizations.csv",
        ensemble="<results>/ensemble.h5",
    output:
        pdf="<results>/figures/agreement.pdf",
        png=report(
            "<results>/figures/agreement.png",
            caption="../report/agreement.rst",
            category="Realizations",
            labels={"figure": "agreement"},
        ),
    log:
        "<logs>/plot_agreement.log",
    benchmark:
        "<benchmarks>/plot_agreement.tsv"
    conda:
        "../../envs/kohorte.yaml"
    threads: 1
    resources:
        mem_mb=memory("plot"),
        runtime=run_time("plot"),
    params:
        swept=STUDY.swept,
        library=library_digest("figures"),
    script:
        "../../scripts/plot_agreement.py"


rule plot_effects:
    input:
        effects="<results>/tables/effects.csv",
    output:
        pdf="<results>/figures/effects.pdf",
        png=report(
            "<results>/figures/effects.png",
            caption="../report/effects.rst",
            category="Realizations",
            labels={"figure": "effects"},
        ),
    log:
        "<logs>/plot_effects.log",
    benchmark:
        "<benchmarks>/plot_effects.tsv"
    conda:
        "../../envs/kohorte.yaml"
    threads: 1
    resources:
        mem_mb=memory("plot"),
        runtime=run_time("plot"),
    params:
        library=library_digest("figures"),
    script:
        "../../scripts/plot_effects.py"


rule plot_ranking:
    input:
        ensemble="<results>/ensemble.h5",
    output:
        pdf="<results>/figures/ranking.pdf",
        png=report(
            "<results>/figures/ranking.png",
            caption="../report/ranking.rst",
            category="Ensemble",
            labels={"figure": "ranking"},
        ),
    log:
        "<logs>/plot_ranking.log",
    benchmark:
        "<benchmarks>/plot_ranking.tsv"
    conda:
        "../../envs/kohorte.yaml"
    threads: 1
    resources:
        mem_mb=memory("plot"),
        runtime=run_time("plot"),
    params:
        library=library_digest("figures"),
    script:
        "../../scripts/plot_ranking.py"


rule plot_stability:
    input:
        stability="<results>/tables/stability.csv",
    output:
        pdf="<results>/figures/stability.pdf",
        png=report(
            "<results>/figures/stability.png",
            caption="../report/stability.rst",
            category="Ensemble",
            labels={"figure": "stability"},
        ),
    log:
        "<logs>/plot_stability.log",
    benchmark:
        "<benchmarks>/plot_stability.tsv"
    conda:
        "../../envs/kohorte.yaml"
    threads: 1
    resources:
        mem_mb=memory("plot"),
        runtime=run_time("plot"),
    params:
        library=library_digest("figures"),
    script:
        "../../scripts/plot_stability.py"


rule plot_similarity:
    input:
        ensemble="<results>/ensemble.h5",
    output:
        pdf="<results>/figures/similarity.pdf",
        png=report(
            "<results>/figures/similarity.png",
            caption="../report/similarity.rst",
            category="Ensemble",
            labels={"figure": "similarity"},
        ),
    log:
        "<logs>/plot_similarity.log",
    benchmark:
        "<benchmarks>/plot_similarity.tsv"
    conda:
        "../../envs/kohorte.yaml"
    threads: 1
    resources:
        mem_mb=memory("plot"),
        runtime=run_time("plot"),
    params:
        library=library_digest("figures", "ensemble/tree"),
    script:
        "../../scripts/plot_similarity.py"


rule plot_sufficiency:
    input:
        sufficiency="<results>/tables/sufficiency.csv",
    output:
        pdf="<results>/figures/sufficiency.pdf",
        png=report(
            "<results>/figures/sufficiency.png",
            caption="../report/sufficiency.rst",
            category="Ensemble",
            labels={"figure": "sufficiency"},
        ),
    log:
        "<logs>/plot_sufficiency.log",
    benchmark:
        "<benchmarks>/plot_sufficiency.tsv"
    conda:
        "../../envs/kohorte.yaml"
    threads: 1
    resources:
        mem_mb=memory("plot"),
        runtime=run_time("plot"),
    params:
        enough=config["ensemble"]["enough"],
        library=library_digest("figures"),
    script:
        "../../scripts/plot_sufficiency.py"


rule plot_signal:
    input:
        ensemble="<results>/ensemble.h5",
        data="<results>/data.h5",
    output:
        pdf="<results>/figures/signal.pdf",
        png=report(
            "<results>/figures/signal.png",
            caption="../report/signal.rst",
            category="Ensemble",
            labels={"figure": "signal"},
        ),
    log:
        "<logs>/plot_signal.log",
    benchmark:
        "<benchmarks>/plot_signal.tsv"
    conda:
        "../../envs/kohorte.yaml"
    threads: 1
    resources:
        mem_mb=memory("plot"),
        runtime=run_time("plot"),
    params:
        features=config["figures"]["features"],
        library=library_digest("figures", "analysis/evaluation"),
    script:
        "../../scripts/plot_signal.py"


rule plot_confidence:
    input:
        labels=label_sources(),
        ensemble="<results>/ensemble.h5",
        data="<results>/data.h5",
    output:
        pdf="<results>/figures/confidence.pdf",
        png=report(
            "<results>/figures/confidence.png",
            caption="../report/confidence.rst",
            category="Ensemble",
            labels={"figure": "confidence"},
        ),
    log:
        "<logs>/plot_confidence.log",
    benchmark:
        "<benchmarks>/plot_confidence.tsv"
    conda:
        "../../envs/kohorte.yaml"
    threads: 1
    resources:
        mem_mb=memory("plot"),
        runtime=run_time("plot"),
    params:
        features=config["figures"]["features"],
        realization=config["figures"]["realization"],
        has_maps=HAS_MAPS,
        library=library_digest("figures"),
    script:
        "../../scripts/plot_confidence.py"
