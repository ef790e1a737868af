"""The command line: what is asked for, and errors in one last line."""

from __future__ import annotations

import argparse
import contextlib
import io
import os
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from kohorte import __version__
from kohorte._text import visible
from kohorte.errors import ConfigError, KohorteError

# What takes time to load is imported by the commands that use it.
if TYPE_CHECKING:
    from kohorte.command.studies import StudyFile

_EXAMPLES = """\
examples:
  kohorte run penguins.csv              a study of all columns of numbers, from nothing to results
  kohorte init penguins.csv             look at a table, and write penguins.yaml to be edited
  kohorte check penguins.yaml           all that is wrong, before any work
  kohorte run penguins.yaml --cores 4
  kohorte predict penguins new.csv      groups of new points, from the finished study
  kohorte open penguins                 the page of the study: result, groups, figures, tables

STUDY is the file of a study, its name, the folder of its results, or its table. Results go to
results/STUDY of the folder that kohorte is run in. `kohorte COMMAND --help` says more.
"""

_RUN_EXAMPLES = """\
examples:
  kohorte run penguins.csv              writes penguins.yaml, and runs it
  kohorte run penguins.yaml -n          what would be done
  kohorte run penguins.yaml --profile slurm
  kohorte run penguins.yaml -- --forcerun draw_figures
  kohorte run sklearn:iris              a table of scikit-learn

What follows -- goes to Snakemake; the call is printed, and gives the same by hand.
"""


#: Options of Snakemake that change the configuration of a run.
_CONFIGURING = {"--configfile": "files", "--configfiles": "files"}
_CONFIGURING |= {"--config": "settings", "-C": "settings"}

#: Tables of more bytes than this are not read before a run.
_LARGE = 200 << 20


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit status: 0, 1 for a fault, 2 for a wrong call, 130."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    _open_streams()
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # names of files may be no text
    given, passed = _split(given)
    parser = _make_parser()
    parsed = parser.parse_args(given)
    if passed and parsed.command != "run":
        parser.error("only `kohorte run` passes what follows -- to Snakemake")
    parsed.passed = passed
    try:
        _check_folder()
        status = parsed.function(parsed)
        sys.stdout.flush()
    except KohorteError as error:
        return _say(str(error), 1)
    except KeyboardInterrupt:
        return _say("interrupted", 130)
    except BrokenPipeError:  # such as `kohorte check mine.yaml | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except (OSError, MemoryError, RuntimeError, ImportError) as error:
        from kohorte.study.logs import lacking

        if isinstance(error, OSError) and error.filename is None:
            error.filename = "the output"
        if not (text := lacking(error)):
            raise
        with contextlib.suppress(OSError, ValueError):  # What it wrote has no room, either.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return _say(text, 1)
    return int(status or 0)


def _open_streams() -> None:
    """Give the standard streams that the caller has closed, to the programs called here as well."""
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # It takes the lowest number that is free
        if getattr(sys, name) is None:
            stream = open(number, "r" if number == 0 else "w", encoding="utf-8", closefd=False)  # noqa: SIM115
            setattr(sys, name, stream)


def _check_folder() -> None:
    try:
        os.getcwd()
    except OSError as error:
        raise ConfigError(
            f"the folder that kohorte is called in cannot be read ({error.strerror}); it may have "
            "been deleted: go to one that is there (cd)"
        ) from None


def _split(arguments: list[str]) -> tuple[list[str], list[str]]:
    if "--" not in arguments:
        return arguments, []
    where = arguments.index("--")
    return arguments[:where], arguments[where + 1 :]


def _say(message: str, status: int) -> int:
    """Write a message as the last line, or its lines before, and return the exit status."""
    sys.stdout.flush()
    print(f"kohorte: {visible(message)}", file=sys.stderr, flush=True)
    return status


class _Parser(argparse.ArgumentParser):
    """A parser whose errors look like all others."""

    def error(self, message: str) -> NoReturn:
        self.print_usage(sys.stderr)
        raise SystemExit(_say(f"{message}; see {self.prog} --help", 2))


def _make_parser() -> argparse.ArgumentParser:
    plain = argparse.RawDescriptionHelpFormatter
    parser = _Parser(
        prog="kohorte",
        description="Find groups in a table with an ensemble of self-organizing maps.",
        epilog=_EXAMPLES,
        formatter_class=plain,
    )
    parser.add_argument("--version", action="version", version=f"kohorte {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)

    def add(name: str, function: object, words: str, epilog: str = "") -> argparse.ArgumentParser:
        added = commands.add_parser(
            name,
            help=words,
            description=words[0].upper() + words[1:] + ".",
            epilog=epilog,
            formatter_class=plain,
        )
        added.set_defaults(function=function)
        return added

    def add_cores(to: argparse.ArgumentParser) -> None:
        to.add_argument("--cores", metavar="N", type=_cores, help="cores to use; all if not given")

    def add_data(to: argparse.ArgumentParser) -> None:
        to.add_argument(
            "--data",
            metavar="KEY=VALUE",
            action="append",
            default=[],
            help="how to read the table, such as table=Sheet2 or decimal=, "
            "(docs/reference/configuration.md)",
        )

    init = add("init", _init, "look at a table, and write the file of a study of it")
    init.add_argument(
        "table", metavar="TABLE", help="a file of any format that is read, or sklearn:iris"
    )
    init.add_argument(
        "-o", "--output", metavar="FILE", help="file to write, - for the terminal; NAME.yaml"
    )
    init.add_argument("--study", metavar="NAME", help="name of the study; that of the table")
    add_data(init)
    init.add_argument("--force", action="store_true", help="replace a file that is there")

    check = add("check", _check, "find all that is wrong with a study, before any work")
    check.add_argument(
        "study", metavar="TABLE|STUDY", nargs="?", help="the study of this folder if not given"
    )

    run = add("run", _run, "run the study of a table, or of a file, to its results", _RUN_EXAMPLES)
    run.add_argument(
        "study",
        metavar="TABLE|STUDY",
        nargs="*",
        help="the study of this folder if not given; of several files the later replace keys",
    )
    add_cores(run)
    run.add_argument("--profile", metavar="NAME", help="of Snakemake; kohorte has local and slurm")
    run.add_argument("-n", "--dry-run", action="store_true", help="only say what would be done")
    run.add_argument(
        "--study", dest="name", metavar="NAME", help="name of a new study; that of its table"
    )

    add_data(run)

    predict = add("predict", _predict, "find the groups of new points by a study that is finished")
    predict.add_argument("study", metavar="STUDY")
    predict.add_argument(
        "table", metavar="TABLE", help="new points, with the features of the study"
    )
    add_cores(predict)

    compare = add("compare", _compare, "compare the groups of two studies of the same table")
    compare.add_argument("study", metavar="A")
    compare.add_argument("other", metavar="B")
    add_cores(compare)

    for name, function, words in (
        ("report", _report, "write the page of a study, where it is not as its results are"),
        ("verify", _verify, "compare the results of a study with their checksums"),
        ("bundle", _bundle, "pack a study for others, with the code that made it"),
    ):
        one = add(name, function, words)
        one.add_argument(
            "study", metavar="STUDY", nargs="?", help="the study of this folder if not given"
        )
        add_cores(one)
        if name == "report":
            one.add_argument(
                "--snakemake",
                action="store_true",
                help="also Snakemake's report: the same as a workflow, with its jobs and times",
            )
    shown = add("open", _open, "open the report or explorer of a study; prints the path")
    shown.add_argument(
        "--explorer",
        action="store_true",
        help="the page to ask the ensemble on: maps, points and votes",
    )
    shown.add_argument(
        "study", metavar="STUDY", nargs="?", help="the study of this folder if not given"
    )
    profile = add("profile", _profile, "copy a profile of Snakemake to this folder, to be edited")
    profile.add_argument("name", metavar="NAME", choices=["local", "slurm"], help="local or slurm")
    return parser


def _cores(text: str) -> str:
    if text != "all" and not (text.isdigit() and int(text) > 0):
        raise argparse.ArgumentTypeError(f"{text!r} is no number of cores, nor all")
    return text


def _read_data(given: Sequence[str]) -> dict[str, object]:
    """Return the keys of the section `data` that a call gives; ConfigError for one that is none."""
    from kohorte.study.reading import ReadDict, merge, read_given

    found = ReadDict()
    for argument in given:
        merge(found, read_given(argument, "--data"))
    return found


def _find(name: str | None, *, anywhere: bool = False) -> StudyFile:
    """Find a study; ConfigError for results of another folder than this one, unless `anywhere`."""
    from kohorte.command.studies import find_default, find_study

    study = find_default() if name is None else find_study(name)
    if study.home is not None and not anywhere:
        raise ConfigError(
            f"{name}: results of a study in another folder; go to {study.home}, and give "
            f"results/{study.name} there"
        )
    return study


def _init(parsed: argparse.Namespace) -> int:
    from kohorte.command.columns import tabulate
    from kohorte.command.studies import write_file
    from kohorte.command.tables import propose_study

    look, name, text = propose_study(parsed.table, parsed.study, _read_data(parsed.data))
    if parsed.output == "-":
        print(text, end="")
        return 0
    path = Path(parsed.output or f"{name}.yaml")
    if path.exists() and not parsed.force:
        raise ConfigError(
            f"{path}: is there already; -o FILE writes another one, --force replaces it"
        )
    print(f"{parsed.table}: {look.n_rows} rows, {len(look.columns)} columns\n")
    for line in tabulate(look):
        print(f"  {line}")
    write_file(path, text)
    print(f"\n{path}: written; edit it, then `kohorte check {path}` and `kohorte run {path}`")
    return 0


def _check(parsed: argparse.Namespace) -> int:
    from kohorte.command.checking import check_study
    from kohorte.command.studies import is_table
    from kohorte.command.tables import propose_config

    if parsed.study is not None and is_table(parsed.study):
        what, config = parsed.study, propose_config(parsed.study)
    else:
        study = _find(parsed.study)
        what, config = str(study.path), study.config
    found = check_study(config)
    for line in found.plan:
        print(line)
    for note in found.notes:
        print(f"note      {note}")
    for fault in found.faults:
        print(f"fault     {fault}")
    if found.faults:
        count = len(found.faults)
        return _say(f"{what}: {count} fault{'s' * (count != 1)}, listed above", 1)
    print(f"{what}: nothing is wrong")
    return 0


def _run(parsed: argparse.Namespace) -> int:
    from kohorte.command.checking import check_study
    from kohorte.command.studies import is_config, is_table, read_study
    from kohorte.command.tables import refuse_given, study_of_table
    from kohorte.command.workflow import is_dry

    name, *later = parsed.study or [None]
    if not later and name is not None and is_table(name) and not is_config(name):
        study = study_of_table(name, parsed.name, _read_data(parsed.data))
    elif parsed.name is not None:
        raise ConfigError(
            "--study names the new study of a table; the file of a study has its name"
        )
    else:
        study = read_study(name, *later) if later else _find(name)
        refuse_given(study, _read_data(parsed.data))
    used = _with_passed(study, parsed.passed)
    found = check_study(used.config, read=used is not study or not _is_read(study))
    if found.faults:
        for fault in found.faults:
            print(f"  - {fault}", file=sys.stderr)
        count = len(found.faults)
        return _say(f"{used.path}: {count} fault{'s' * (count != 1)}, listed above", 1)
    more = (["--dry-run"] if parsed.dry_run else []) + parsed.passed
    status = _snakemake(used, parsed, more)
    if status == 0 and not is_dry(more) and (used.results / "summary.txt").exists():
        print(f"Results: {used.results}/; `kohorte open {used.name}` shows the page of it.")
    return status


def _passed_config(arguments: Sequence[str]) -> tuple[list[str], list[str]]:
    """Return the configuration files, and what `--config` sets, that Snakemake is handed.

    Of an option that is given twice Snakemake takes the last.
    """
    given: dict[str, list[str]] = {}
    option = ""
    for argument in arguments:
        name, equals, value = argument.partition("=")
        if argument.startswith("-"):
            option = _CONFIGURING.get(name, "")
            given[option] = [value] if equals else []
        else:
            given.setdefault(option, []).append(argument)
    return given.get("files", []), given.get("settings", [])


def _with_passed(study: StudyFile, passed: Sequence[str]) -> StudyFile:
    """Return the study that Snakemake will run: with the configuration that it is handed."""
    from kohorte.study.reading import read_study

    files, settings = _passed_config(passed)
    if not files and not settings:
        return study
    # Read here before Snakemake does, which would evaluate a template.
    first, *later = map(Path, files) if files else (study.path, *study.later)
    config = read_study([first, *later], settings)
    return replace(study, path=first, later=tuple(later), config=config, folder=None)


def _is_read(study: StudyFile) -> bool:
    """Tell whether the table of a study was read since it, or its file, was changed.

    Large ones are left to the job that reads them.
    """
    prepared, source = study.results / "data.h5", Path(study.source or "")
    try:
        if study.source and source.stat().st_size > _LARGE:
            return True
        made = prepared.stat().st_mtime
        written = max(path.stat().st_mtime for path in (study.path, *study.later))
        return written < made and source.stat().st_mtime < made
    except OSError:
        return False


def _snakemake(
    study: StudyFile,
    parsed: argparse.Namespace,
    more: Sequence[str] = (),
    config: Mapping[str, object] | None = None,
) -> int:
    """Run Snakemake for a study; the last line says why it failed, if it did."""
    from kohorte.command.workflow import (
        INTERRUPTED,
        logged_errors,
        run_study,
        shows_errors,
        snakemake_arguments,
    )

    arguments = snakemake_arguments(
        study.path,
        *study.later,
        cores=parsed.cores,
        profile=getattr(parsed, "profile", None),
        config=config,
    )
    start = time.time() - 1
    status = run_study(study.name, arguments, more, whole=parsed.command == "run")
    if status == INTERRUPTED:
        return _say("interrupted; what is finished is kept, run again to go on", status)
    if status:
        errors = list(dict.fromkeys(logged_errors(study.results, start)))
        if errors and shows_errors():
            return 1
        return _say(errors[-1] if errors else "Snakemake ended with an error, as said above", 1)
    return 0


def _predict(parsed: argparse.Namespace) -> int:
    from kohorte.data.names import is_file
    from kohorte.study.outside import plain_name

    study = _find(parsed.study)
    if is_file(parsed.table):
        from kohorte.data.names import find_file

        find_file(parsed.table)
    status = _snakemake(study, parsed, ["--", "predict"], {"prediction": {"source": parsed.table}})
    if status == 0:
        place = parsed.table if is_file(parsed.table) else parsed.table.rpartition(":")[2]
        print(study.results / "prediction" / f"{Path(plain_name(place)).stem}.csv")
    return status


def _compare(parsed: argparse.Namespace) -> int:
    study, other = _find(parsed.study), _find(parsed.other)
    if study.name == other.name:
        raise ConfigError(f"{study.path} and {other.path} are one study, {study.name!r}")
    if not (other.results / "ensemble.h5").exists():
        raise ConfigError(
            f"{other.results}: there are no results yet; `kohorte run {other.path}` first"
        )
    config = {"comparison": {"with": str(other.results)}}
    status = _snakemake(study, parsed, ["--", "compare_studies"], config)
    if status == 0:
        print(study.results / "comparison" / other.name)
    return status


def _report(parsed: argparse.Namespace) -> int:
    study = _finished(parsed.study)
    report = study.results / "report.html"
    status = _snakemake(study, parsed, ["--", str(report)])
    if status == 0 and parsed.snakemake:
        report = study.results / "snakemake-report.html"
        status = _snakemake(study, parsed, ["--report", str(report)])
    if status == 0:
        print(report)
    return status


def _verify(parsed: argparse.Namespace) -> int:
    return _snakemake(_finished(parsed.study), parsed, ["--", "verify"])


def _bundle(parsed: argparse.Namespace) -> int:
    study = _find(parsed.study)
    crate = study.results / f"{study.name}.crate.zip"
    before = crate.stat().st_mtime_ns if crate.exists() else None
    status = _snakemake(study, parsed, ["--", "bundle_study"])
    if status == 0 and before is not None and crate.stat().st_mtime_ns == before:
        print(crate)  # a run that packs one tells so itself
    return status


def _finished(name: str | None) -> StudyFile:
    study = _find(name)
    if not (study.results / "MANIFEST").exists():
        raise ConfigError(
            f"{study.results}: the study is not finished; `kohorte run {study.path}` first"
        )
    return study


def _open(parsed: argparse.Namespace) -> int:
    from kohorte.command.display import open_path

    study = _find(parsed.study, anywhere=True)
    pages = [study.results / "explorer.html"] if parsed.explorer else []
    for path in [*pages, study.results / "report.html", study.results / "figures"]:
        if path.exists():
            print(path)
            open_path(path)
            return 0
    raise ConfigError(
        f"{study.results}: there are no results yet; `kohorte run {study.path}` first"
    )


def _profile(parsed: argparse.Namespace) -> int:
    from kohorte.command.studies import write_file
    from kohorte.command.workflow import workflow_folder

    path = Path(parsed.name, "config.yaml")
    if path.exists():
        raise ConfigError(f"{path}: is there already; edit it, or delete it first")
    packaged = workflow_folder() / "workflow" / "profiles" / path
    write_file(path, packaged.read_text(encoding="utf-8"))
    print(f"{path}: written; edit it, then `kohorte run STUDY --profile {parsed.name}`")
    return 0
