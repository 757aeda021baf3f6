"""Reads an exported file by the rules of MilvusDM 2.0's reader (one float or binary dataset embeddings, one of ids, both at
the root, in the same order), and the same through pandas."""

import sys

import h5py
import pandas

with h5py.File(sys.argv[1], "r") as f:
    embeddings = f["embeddings"][:]
    ids = f["ids"][:]

assert embeddings.ndim == 2 and ids.ndim == 1 and len(ids) == len(embeddings), (embeddings.shape, ids.shape)
rows = [list(v) for v in embeddings]  # what MilvusDM hands to insert
assert all(type(k) is int for k in ids.tolist()) and len(rows[0]) == embeddings.shape[1]

frame = pandas.DataFrame(embeddings, index=ids).sort_index()
assert frame.index.is_unique and not frame.isna().any().any()
print(
    f"{len(frame)} rows of {frame.shape[1]} {embeddings.dtype}, keys {frame.index[0]} to {frame.index[-1]} {ids.dtype},"
    f" first {frame.iloc[0, 0]:.6f}"
)
