#!/usr/bin/env python3
"""Reads an export as users of h5py, pandas, SciPy's layout and MilvusDM 2.0 do, and prints what is in it as JSON.

    check_export.py FILE
"""
import json
import sys

import h5py
import numpy as np
import pandas as pd

with h5py.File(sys.argv[1], "r") as f:
    # MilvusDM 2.0: embeddings and ids, as lists
    ids, vectors = np.array(f["ids"]).tolist(), np.array(f["embeddings"]).tolist()
    fields, valid = f["fields"], f["valid"]
    frame = pd.DataFrame({"id": f["ids"][:], "title": fields["title"].asstr()[:], "price": fields["price"][:]}).set_index("id")
    frame.loc[~valid["price"][:], "price"] = np.nan
    sparse, rows = fields["sparse"], []
    indptr, indices, values = sparse["indptr"][:], sparse["indices"][:], sparse["values"][:]  # scipy.sparse.csr_matrix((values, indices, indptr))
    for a, b in zip(indptr, indptr[1:]):
        rows.append([[int(i), float(v)] for i, v in zip(indices[a:b], values[a:b])])
    bfloat16 = (fields["brain"][:].astype("u4") << 16).view("f4")
    print(json.dumps({
        "attributes": {k: f.attrs[k] for k in ("format", "version", "collection", "partition", "rows")},
        "schema": [x["name"] for x in json.loads(f.attrs["schema"])["fields"]],
        "field": [f["ids"].attrs["field"], f["embeddings"].attrs["field"], fields["title"].attrs["type"]],
        "ids": ids, "vectors": vectors, "titles": frame.title.tolist(), "price": [None if np.isnan(p) else p for p in frame.price],
        "tags": [t.tolist() for t in fields["tags"][:]], "names": [json.loads(n) for n in fields["names"].asstr()[:]],
        "meta": [json.loads(m) for m in fields["$meta"].asstr()[:]], "half": fields["half"][:].astype("f4").tolist(), "brain": bfloat16.tolist(), "sparse": rows,
        "on": fields["on"][:].tolist(),
    }))
