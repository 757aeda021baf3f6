#!/usr/bin/env python3
"""Writes fixtures with the Faiss that is installed, an older one: old-VERSION-NAME.faiss and what generate.py writes beside
its fixtures. manifest-VERSION.json lists them. So it was run with 1.7.3 (numpy before 2) and 1.13.0:

    python3 -m venv /tmp/venv && /tmp/venv/bin/pip install faiss-cpu==1.13.0 numpy packaging && /tmp/venv/bin/python generate_old.py
"""
import json
import pathlib

import faiss
import numpy as np

OUT = pathlib.Path(__file__).parent
N, D, CELLS = 20, 8, 4
rng = np.random.default_rng(11)
faiss.omp_set_num_threads(1)
X = rng.standard_normal((N, D)).astype("float32")
TRAIN = rng.standard_normal((600, D)).astype("float32")
IDS = rng.permutation(np.arange(N, dtype="int64") * 1_000_003 - 5_000_000)
manifest = {"faiss": faiss.__version__, "fixtures": [], "closed": []}


def save(name, ivf):
    """Saves an IVF index of X and IDS."""
    name = f"old-{faiss.__version__}-{name}"
    lists = ivf.invlists
    ids = np.concatenate([faiss.rev_swig_ptr(lists.get_ids(i), lists.list_size(i)).copy() for i in range(lists.nlist) if lists.list_size(i)])
    row = {int(i): r for r, i in enumerate(IDS)}
    faiss.write_index(ivf, str(OUT / f"{name}.faiss"))
    X[[row[int(i)] for i in ids]].tofile(OUT / f"{name}.f32")
    ids.tofile(OUT / f"{name}.ids")
    manifest["fixtures"].append({"name": name, "dim": D, "rows": N, "binary": False, "metric": int(ivf.metric_type), "exact": True,
                                 "ids": True, "reader": "go", "tolerance": 0})


if hasattr(faiss, "IndexIVFFlatPanorama"):
    for name, levels in [("ivf-panorama", 4), ("closed-ivf-panorama", 3)]:  # 3 levels are of 3, 3 and 2 elements
        index = faiss.IndexIVFFlatPanorama(faiss.IndexFlatL2(D), D, CELLS // 2, levels)
        index.train(TRAIN)
        index.add_with_ids(X, IDS)
        if levels == 4:
            save(name, index)
        else:
            faiss.write_index(index, str(OUT / f"old-{faiss.__version__}-{name}.faiss"))
            manifest["closed"].append({"name": f"old-{faiss.__version__}-{name}", "kind": "IVFFlatPanorama", "rows": N})
for name, text in [("fastscan", "IVF2,PQ4x4fs"), ("plsq", "PLSQ2x2x4fs_Nlsq2x4"), ("rq", "RQ2x4_Ncqint8"), ("refine", "PQ4x4fs,RFlat")]:
    quantizer = faiss.index_factory(D, text)
    quantizer.train(TRAIN)
    quantizer.add(TRAIN[:CELLS])
    index = faiss.IndexIVFFlat(quantizer, D, CELLS)
    index.is_trained = True
    index.add_core(N, faiss.swig_ptr(X), faiss.swig_ptr(IDS), faiss.swig_ptr(np.arange(N, dtype="int64") % 3))
    save("behind-" + name, index)
(OUT / f"manifest-{faiss.__version__}.json").write_text(json.dumps(manifest, indent=1) + "\n")
print(len(manifest["fixtures"]), "fixtures")
