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
from audit_lib.files import ONE_THREAD, digest


workdir: str(ROOT)


NAMES = ("dataset", "columns", "test_days", "min_item_support", "recommender", "seed", "device")
GIVEN = {name: str(config[name]) for name in NAMES if config.get(name) not in (None, "")}
SETTINGS = [pair for pair in str(config.get("settings") or "").split(",") if pair]
SHARDS = int(config.get("shards", 4))
OUT = config.get("out") or "runs/evidence"
# Another data file under the same name is another job: the shards know, and refuse what is not theirs.
WORK = f"runs/shards/{digest([GIVEN, SETTINGS])[:12]}"
JOB = shlex.join(
    [f"--{name.replace('_', '-')}={value}" for name, value in GIVEN.items()] + [f"--set={pair}" for pair in SETTINGS]
)

os.environ.update(ONE_THREAD)


MODEL = [f"{WORK}/model.safetensors", f"{WORK}/model.json"]
SHARD = [f"{WORK}/rank-{{k}}-of-{SHARDS}.parquet", f"{WORK}/rank-{{k}}-of-{SHARDS}.json"]


# Where there is no shared file system, Snakemake copies files to and fro: a command looks where its files were put.
rule merge:
    input:
        MODEL,
        expand(SHARD, k=range(1, SHARDS + 1)),
    output:
        f"{WORK}/merged-{SHARDS}",
    default_target: True
    shell:
        "{sys.executable} -m audit_lib shard merge {JOB} --work $(dirname {input[0]}) --shards {SHARDS} --out {OUT:q} > {output}"


rule fit:
    output:
        MODEL,
    shell:
        "{sys.executable} -m audit_lib shard fit {JOB} --work $(dirname {output[0]})"


rule rank:
    input:
        MODEL,
    output:
        SHARD,
    shell:
        "{sys.executable} -m audit_lib shard rank {JOB} --work $(dirname {output[0]}) --shard {wildcards.k}/{SHARDS}"
