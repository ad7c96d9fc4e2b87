"""Trains cornac's GRU4Rec on what `targets --format tsv` wrote in the folder audit, and scores every target."""

import numpy as np
import pandas as pd
from cornac.eval_methods import NextItemEvaluation
from cornac.models import GRU4Rec


def events(part: str) -> list[tuple[int, int, float]]:
    """Session, item and time of every event of a part."""
    return list(pd.read_csv(f"audit/{part}.tsv", sep="\t").itertuples(index=False, name=None))


split = NextItemEvaluation.from_splits(events("train"), events("test"), fmt="SIT", exclude_unknowns=True, seed=0)
model = GRU4Rec(layers=[100], n_epochs=2, batch_size=64, n_sample=512, learning_rate=0.1, seed=0).fit(split.train_set)
targets = pd.read_csv("audit/targets.tsv", sep="\t", dtype={"prefix": str})
place = split.train_set.iid_map
prefixes = ([place[int(item)] for item in prefix.split()] for prefix in targets["prefix"])
scores = np.stack([model.score(0, prefix)[: len(place)] for prefix in prefixes])
np.save("scores.npy", scores.astype(np.float32))
targets[["target", "item"]].to_csv("ids.tsv", sep="\t", index=False)
pd.DataFrame({"item": list(place)}).to_csv("items.tsv", sep="\t", index=False)
