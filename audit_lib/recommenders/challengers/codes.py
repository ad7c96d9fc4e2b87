"""Repositories of challengers, each at one pinned commit (see `vendored`)."""

from __future__ import annotations

from audit_lib.recommenders.vendored import Code

SRGNN = Code(
    name="srgnn",
    title="SR-GNN",
    folder="SR-GNN",
    url="https://github.com/CRIPAC-DIG/SR-GNN",
    commit="e21cfa431f74c25ae6e4ae9261deefe11d1cb488",
    variable="AUDIT_VENDOR_URL_SRGNN",
    notice=(
        "SR-GNN (PyTorch) by Shu Wu, Yuyuan Tang, Yanqiao Zhu, Liang Wang, Xing Xie and Tieniu Tan. The repository has "
        "no licence file, so nobody else may pass the code on: it is fetched from its authors, stays in a git-ignored "
        "folder and is not part of this project. Cite Wu et al., AAAI 2019 (arXiv 1811.00855)."
    ),
)

CODES: dict[str, Code] = {code.name: code for code in (SRGNN,)}
