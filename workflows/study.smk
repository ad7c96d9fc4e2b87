# The full study, one job an experiment: `make study`, or `snakemake -s workflows/study.smk` with an executor plugin on a
# cluster. What runs is in book/study.toml; what is done already is seen from the evidence, and left alone.
import os
import sys
from pathlib import Path

ROOT = Path(workflow.basedir).parent
sys.path.insert(0, str(ROOT))
from audit_lib.files import ONE_THREAD
from audit_lib.study import plan, records


workdir: str(ROOT)


OUT = Path(config.get("out") or "runs/evidence")
MISSING = [experiment.id for experiment in plan.pending(plan.plan(), OUT)]
MAKERS = plan.makers()
RECORDS = [f"book/evidence/records/{record.name}.json" for record in plan.read().record]

os.environ.update(ONE_THREAD)


rule study:
    input:
        expand("_build/study/{id}", id=MISSING),
        RECORDS,
    default_target: True


# A run that another training writes with its last epoch waits for that one, and is then there.
rule experiment:
    input:
        lambda wildcards: [f"_build/study/{id}" for id in MISSING if id == MAKERS.get(wildcards.id)],
    output:
        temp(touch("_build/study/{id}")),
    shell:
        "{sys.executable:q} -m audit_lib study --only id={wildcards.id} --out {OUT:q}"


# Times of answers and of training mean nothing while other jobs run: they come last, alone.
rule record:
    input:
        expand("_build/study/{id}", id=MISSING),
    output:
        "book/evidence/records/{name}.json",
    params:
        command=lambda wildcards: records.command(wildcards.name),
    threads: os.cpu_count()  # cut to --cores where these are fewer; a cluster run has no --cores
    shell:
        "{sys.executable:q} -m {params.command}"
