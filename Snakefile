# The pipeline: which stage runs when, on what, after what. `make book` calls it; the same file runs on a cluster through
# Snakemake's executor plugins. book/press/pipeline.py says how a stage runs, book/press/site.py how the pages are made.
#
# A stage runs again when its text, the library, the data file or a setting changes (content counts, not the time alone).
import os
import sys
from pathlib import Path

ROOT = Path(workflow.basedir)
sys.path.insert(0, str(ROOT))
from audit_lib.files import ONE_THREAD
from audit_lib.show.words import LANGUAGES
from book.press.notebooks import declared_by
from book.press.pipeline import SETTINGS as NAMES, setting, stages, upstream

STAGES = stages(ROOT)
# Empty means: the default that the notebook declares.
SETTINGS = {name: setting(config, name) for name in NAMES}
EXECUTED = "_build/executed/{lang}/notebooks/{stage}.ipynb"
MODULES = sorted(str(path.relative_to(ROOT)) for path in (ROOT / "audit_lib").rglob("*.py"))
# What may change a result: the library, but for its command line. How pages are made, and tests, are no part of it.
LIBRARY = [path for path in MODULES if Path(path).parts[1] not in ("commands", "__main__.py")]
DATA = [SETTINGS["dataset"]] if Path(SETTINGS["dataset"]).is_file() else []
# Stages that do not read the log have none of its settings, and are not run again for another log.
DECLARED = {stage: declared_by(ROOT / "notebooks" / f"{stage}.md") for stage in STAGES}
# Committed evidence by its list of hashes, and the records: every stage shows some of them. Beside these, what the stages
# from 06 on and the ledger hold them against.
EVIDENCE = ["book/evidence/SHA256SUMS"]
EVIDENCE += sorted(str(path.relative_to(ROOT)) for path in (ROOT / "book" / "evidence" / "records").glob("*.json"))
NAMED = (
    "study.toml", "claims.toml", "published.toml", "versions.toml", "challengers.toml", "third_party.csv",
    "references.bib",
)
STUDY = EVIDENCE + [f"book/{name}" for name in NAMED]
PROSE = sorted(
    str(path.relative_to(ROOT))
    for path in (ROOT / "book").rglob("*")
    if path.is_file() and path.suffix in {".md", ".bib", ".yml", ".po", ".css", ".html", ".js", ".py", ".svg", ".png"}
)
PROSE = [path for path in PROSE if "/mathjax/" not in path and not path.endswith("/ranks.js")]  # made by the build

os.environ.update(ONE_THREAD)


wildcard_constraints:
    stage="|".join(STAGES) or "none",


rule book:
    input:
        "_build/site/index.html",
    default_target: True


def before(wildcards):
    """The executed stages that one reads."""
    return [EXECUTED.format(lang="en", stage=name) for name in upstream(wildcards.stage, STAGES)]


# One kernel runs a stage in both languages, and computes once.
rule stage:
    input:
        text="notebooks/{stage}.md",
        library=LIBRARY,
        data=lambda wildcards: DATA if "dataset" in DECLARED[wildcards.stage] else [],
        before=before,
        study=lambda wildcards: STUDY if wildcards.stage >= "06" else EVIDENCE,
        labels="book/locale/es/LC_MESSAGES/labels.po",
    output:
        *[EXECUTED.replace("{lang}", lang) for lang in LANGUAGES],
    params:
        reads=lambda wildcards, input: [f"--reads={path}" for path in input if path != input.text],
        settings=lambda wildcards: [
            f"-s{name}={value}" for name, value in SETTINGS.items() if value and name in DECLARED[wildcards.stage]
        ],
    shell:
        "{sys.executable:q} -m book.press.pipeline run {wildcards.stage} {params.settings:q} {params.reads:q}"


# The .ipynb beside each text, with the outputs of the English run: for Jupyter, and for plain `jupyter-book build .`
rule pair:
    input:
        EXECUTED.format(lang="en", stage="{stage}"),
    output:
        touch("_build/executed/paired/{stage}"),
    shell:
        "{sys.executable:q} -m book.press.pipeline pair {wildcards.stage} {input}"


rule pages:
    input:
        expand(EXECUTED, lang=LANGUAGES, stage=STAGES),
        expand("_build/executed/paired/{stage}", stage=STAGES),
        PROSE,
        STUDY,
        "_config.yml",
        "_toc.yml",
        MODULES,
    output:
        "_build/site/index.html",
    shell:
        "{sys.executable:q} -m book.press.site build"
