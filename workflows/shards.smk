# One recommender, trained once and ranked in shards by session, each a job of its own: on this machine, or with a profile
# of workflows/profiles on a cluster. Merged, the evidence has the bytes of an unsharded run.
#
#   snakemake -s workflows/shards.smk --cores 2 --config dataset=clicks.parquet recommender=markov shards=8
#
# Settings: dataset, columns, test_days, min_item_support, recommender, settings ("layers=100,n_epochs=5"), seed, device,
# shards, out.
import os
import shlex
import sys
from pathlib import Path

ROOT = Path(workflow.basedir).parent
sys.path.insert(0, str(ROOT))
from audit_lib import evidence
from audit_lib.pipeline import ONE_THREAD


workdir: str(ROOT)


NAMES = ("dataset", "columns", "test_days", "min_item_support", "recommender", "seed", "device")
GIVEN = {name: str(config[name]) for name in NAMES if config.get(name) not in (None, "")}
SETTINGS = [pair for pair in str(config.get("settings") or "").split(",") if pair]
SHARDS = int(config.get("shards", 4))
OUT = config.get("out") or "runs/evidence"
# Another data file under the same name is another job: the shards know, and refuse what is not theirs.
WORK = f"runs/shards/{evidence.digest([GIVEN, SETTINGS])[:12]}"
JOB = shlex.join(
    [f"--{name.replace('_', '-')}={value}" for name, value in GIVEN.items()]
    + [f"--set={pair}" for pair in SETTINGS] + [f"--work={WORK}"]
)  # fmt: skip

os.environ.update(ONE_THREAD)


rule merge:
    input:
        f"{WORK}/model.safetensors",
        expand(f"{WORK}/rank-{{k}}-of-{SHARDS}.parquet", k=range(1, SHARDS + 1)),
    output:
        f"{WORK}/merged-{SHARDS}",
    default_target: True
    shell:
        "{sys.executable} -m audit_lib shard merge {JOB} --shards {SHARDS} --out {OUT:q} > {output}"


rule fit:
    output:
        f"{WORK}/model.safetensors",
    shell:
        "{sys.executable} -m audit_lib shard fit {JOB}"


rule rank:
    input:
        f"{WORK}/model.safetensors",
    output:
        f"{WORK}/rank-{{k}}-of-{SHARDS}.parquet",
    shell:
        "{sys.executable} -m audit_lib shard rank {JOB} --shard {wildcards.k}/{SHARDS}"
