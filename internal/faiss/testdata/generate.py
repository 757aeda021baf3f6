#!/usr/bin/env python3
"""Writes the Faiss fixtures: NAME.faiss, and what Faiss itself says of it: NAME.f32 (vectors, float32) or NAME.u8
(packed bits), and NAME.ids (int64), row by row in the order in which the rows lie in the file. manifest.json lists them.

    python3 -m venv /tmp/venv && /tmp/venv/bin/pip install faiss-cpu==1.15.1 numpy && /tmp/venv/bin/python generate.py
"""
import json
import pathlib

import faiss
import numpy as np

OUT = pathlib.Path(__file__).parent
N, D, LISTS = 60, 16, 4
manifest = []
rng = np.random.default_rng(7)
faiss.omp_set_num_threads(1)


def vectors(n=N, d=D):
    return rng.standard_normal((n, d)).astype("float32")


X = vectors()
BITS = rng.integers(0, 256, (N, D // 8 * 4), dtype="uint8")  # dimension 64
IDS = rng.permutation(np.arange(N, dtype="int64") * 1_000_003 - 5_000_000_000)
TRAIN = vectors(600)


def list_ids(ivf):
    """The ids of an IVF index in the order of the file."""
    lists = ivf.invlists
    out = [faiss.rev_swig_ptr(lists.get_ids(i), lists.list_size(i)).copy() for i in range(lists.nlist) if lists.list_size(i)]
    return np.concatenate(out) if out else np.zeros(0, "int64")


def save(name, index, vecs, ids=None, exact=True, own_ids=None, reader="go", tolerance=0.0):
    """ids: as read; None: row numbers. own_ids: the file holds ids."""
    binary = isinstance(index, faiss.IndexBinary)
    if binary:
        faiss.write_index_binary(index, str(OUT / f"{name}.faiss"))
        np.ascontiguousarray(vecs, "uint8").tofile(OUT / f"{name}.u8")
    else:
        faiss.write_index(index, str(OUT / f"{name}.faiss"))
        np.ascontiguousarray(vecs, "float32").tofile(OUT / f"{name}.f32")
    generated = ids is None
    ids = np.arange(index.ntotal) if generated else ids
    assert len(ids) == len(vecs) == index.ntotal, name
    ids.astype("int64").tofile(OUT / f"{name}.ids")
    manifest.append({
        "name": name, "dim": index.d, "rows": int(index.ntotal), "binary": binary, "metric": int(index.metric_type),
        "exact": exact, "ids": not generated if own_ids is None else own_ids, "reader": reader, "tolerance": tolerance,
    })


def by_row(index):
    return index.reconstruct_n(0, index.ntotal)


def by_id(index, ids):
    """Reconstructs by id, which for IVF needs a direct map; the file must not have one, unless it is its subject."""
    ivf = faiss.extract_index_ivf(index)
    ivf.set_direct_map_type(faiss.DirectMap.Hashtable)
    out = np.stack([index.reconstruct(int(i)) for i in ids])
    ivf.set_direct_map_type(faiss.DirectMap.NoMap)
    return out


def factory(text, metric=faiss.METRIC_L2, n=N):
    index = faiss.index_factory(D, text, metric)
    index.train(TRAIN)
    index.add(X[:n])
    return index


# Flat
for name, metric in [("flat-l2", faiss.METRIC_L2), ("flat-ip", faiss.METRIC_INNER_PRODUCT)]:
    index = faiss.index_factory(D, "Flat", metric)
    index.add(X)
    save(name, index, X)
for name, metric in [("flat-l1", faiss.METRIC_L1), ("flat-lp", faiss.METRIC_Lp), ("flat-canberra", faiss.METRIC_Canberra)]:
    index = faiss.IndexFlat(D, metric)
    index.metric_arg = 3
    index.add(X)
    save(name, index, X)
save("flat-empty", faiss.IndexFlatL2(D), np.zeros((0, D)))
special = X.copy()
special[3, 4], special[5, 6], special[7, 8], special[9, 10] = np.nan, np.inf, -0.0, 1e-45
index = faiss.IndexFlatL2(D)
index.add(special)
save("flat-special", index, special)

# IDMap
for name, kind in [("idmap-flat", faiss.IndexIDMap), ("idmap2-flat", faiss.IndexIDMap2)]:
    index = kind(faiss.IndexFlatL2(D))
    index.add_with_ids(X, IDS)
    save(name, index, X, IDS)
repeated = IDS.copy()
repeated[40:45] = repeated[10:15]
index = faiss.IndexIDMap(faiss.IndexFlatIP(D))
index.add_with_ids(X, repeated)
save("idmap-flat-repeated", index, X, repeated)

# IVFFlat
quantizer = faiss.IndexFlatL2(D)
for name, ids, direct in [
    ("ivfflat-sequential", None, faiss.DirectMap.NoMap),
    ("ivfflat-custom", IDS, faiss.DirectMap.NoMap),
    ("ivfflat-array-map", None, faiss.DirectMap.Array),
    ("ivfflat-hash-map", IDS, faiss.DirectMap.Hashtable),
]:
    index = faiss.index_factory(D, f"IVF{LISTS},Flat")
    index.train(TRAIN)
    index.set_direct_map_type(direct)
    given = np.arange(N) if ids is None else ids
    index.add(X) if ids is None else index.add_with_ids(X, ids)
    order = list_ids(index)
    row = {int(i): r for r, i in enumerate(given)}
    save(name, index, X[[row[int(i)] for i in order]], order)
index = faiss.index_factory(D, "IVF64,Flat")  # most lists empty: sizes are written sparsely
index.train(vectors(2600))
index.add(X[:9])
order = list_ids(index)
save("ivfflat-sparse", index, X[order], order)
index.reset()
save("ivfflat-empty", index, np.zeros((0, D)), np.zeros(0, "int64"))
inner = factory("IVF4,Flat", n=0)
index = faiss.IndexIDMap(inner)
index.add_with_ids(X, IDS)
order = list_ids(faiss.downcast_index(index.index))
save("idmap-ivfflat", index, X[order], IDS[order])
index = faiss.index_factory(D, "IVF8_HNSW4,Flat", faiss.METRIC_INNER_PRODUCT)
index.train(TRAIN)
index.add(X)
order = list_ids(index)
save("ivfflat-hnsw-quantizer", index, X[order], order)
index = faiss.index_factory(D, "IMI2x2,Flat")
index.train(TRAIN)
index.add(X)
order = list_ids(index)
save("ivfflat-multi-index", index, X[order], order)
index = factory("IVF4,Flat")
index.remove_ids(np.arange(5, 25))
order = list_ids(index)
save("ivfflat-removed", index, X[order], order)

# HNSW, NSG, refine
index = factory("HNSW4,Flat")
save("hnswflat", index, X)
index = factory("HNSW4,Flat", faiss.METRIC_INNER_PRODUCT)
save("hnswflat-ip", index, X)
index = faiss.index_factory(D, "IDMap2,HNSW4,Flat")
index.add_with_ids(X, IDS)
save("idmap2-hnswflat", index, X, IDS)
save("rflat-ivf", factory("IVF4,SQ8,RFlat"), X)
save("rflat-pq", factory("PQ4x4,RFlat"), X)
save("rflat-fastscan", factory("IVF4,PQ4x4fs,RFlat"), X)  # its base is of a kind that only Faiss reads
index = faiss.index_factory(D, "IDMap,PQ4x4fs,RFlat")
index.train(TRAIN)
index.add_with_ids(X, IDS)
save("idmap-rflat-fastscan", index, X, IDS)
index = factory("IVF4,Flat,Refine(SQfp16)")
save("refine-fp16", index, by_row(index), exact=False)

# scalar quantizers
for text in ["SQ8", "SQ4", "SQ6", "SQfp16", "SQbf16"]:
    index = factory(text)
    save(text.lower(), index, by_row(index), exact=False)
    for prefix, label in [("IVF4", "ivf"), ("HNSW4", "hnsw")]:
        index = factory(f"{prefix},{text}")
        if prefix == "IVF4":
            order = list_ids(index)
            save(f"{label}-{text.lower()}", index, by_id(index, order), order, exact=False)
        else:
            save(f"{label}-{text.lower()}", index, by_row(index), exact=False)
for label, kind in [("8bit-uniform", faiss.ScalarQuantizer.QT_8bit_uniform), ("4bit-uniform", faiss.ScalarQuantizer.QT_4bit_uniform)]:
    index = faiss.IndexScalarQuantizer(D, kind)
    index.train(TRAIN)
    index.add(X)
    save(f"sq-{label}", index, by_row(index), exact=False)
for label, kind, offset in [("8bit-direct", faiss.ScalarQuantizer.QT_8bit_direct, 0), ("8bit-signed", faiss.ScalarQuantizer.QT_8bit_direct_signed, 128)]:
    index = faiss.IndexScalarQuantizer(D, kind)
    index.add(rng.integers(0, 256, (N, D)).astype("float32") - offset)
    save(f"sq-{label}", index, by_row(index), exact=False)
odd = faiss.IndexScalarQuantizer(7, faiss.ScalarQuantizer.QT_4bit)  # half a byte left over
odd.train(vectors(100, 7))
odd.add(vectors(N, 7))
save("sq4-odd", odd, by_row(odd), exact=False)
odd = faiss.IndexScalarQuantizer(7, faiss.ScalarQuantizer.QT_6bit)
odd.train(vectors(100, 7))
odd.add(vectors(N, 7))
save("sq6-odd", odd, by_row(odd), exact=False)
index = faiss.IndexIVFScalarQuantizer(faiss.IndexFlatL2(D), D, 4, faiss.ScalarQuantizer.QT_8bit, faiss.METRIC_L2, False)
index.train(TRAIN)
index.add(X)
order = list_ids(index)
save("ivf-sq8-no-residual", index, by_id(index, order), order, exact=False)
index = faiss.index_factory(D, "IDMap,SQ8")
index.train(TRAIN)
index.add_with_ids(X, IDS)
save("idmap-sq8", index, by_row(faiss.downcast_index(index.index)), IDS, exact=False)

# product quantizers
for text in ["PQ4x4", "PQ4x5", "PQ2x8", "PQ4x3"]:
    index = factory(text)
    save(text.lower(), index, by_row(index), exact=False)
narrow = faiss.IndexPQ(2, 1, 10)
narrow.train(vectors(1100, 2))
narrow.add(vectors(N, 2))
save("pq1x10", narrow, by_row(narrow), exact=False)
for metric, label in [(faiss.METRIC_L2, ""), (faiss.METRIC_INNER_PRODUCT, "-ip")]:
    index = factory("IVF4,PQ4x4", metric)
    order = list_ids(index)
    save("ivfpq" + label, index, by_id(index, order), order, exact=False)
index = faiss.IndexIVFPQ(faiss.IndexFlatL2(D), D, 4, 4, 4)
index.by_residual = False
index.train(TRAIN)
index.add_with_ids(X, IDS)
order = list_ids(index)
save("ivfpq-no-residual", index, by_id(index, order), order, exact=False)
index = faiss.index_factory(D, "IMI2x2,PQ4x4")
index.train(TRAIN)
index.add(X)
order = list_ids(index)
save("ivfpq-multi-index", index, by_id(index, order), order, exact=False)
index = factory("HNSW4,PQ4x4")
save("hnswpq", index, by_row(index), exact=False)
index = faiss.IndexHNSW(faiss.index_factory(D, "SQ8"), 4)
index.train(TRAIN)
index.add(X)
save("hnsw-generic", index, by_row(index), exact=False)

# transforms: undone by BLAS, whose order of operations is its own
NEAR = 1e-5
for name, text in [
    ("rr-flat", "RR16,Flat"), ("pca-flat", "PCA8,Flat"), ("pcar-flat", "PCAR12,Flat"), ("opq-pq", "OPQ4_8,PQ4x4"),
    ("l2norm-flat", "L2norm,Flat"), ("chain-flat", "L2norm,PCA12,RR8,Flat"), ("rr-hnsw", "RR16,HNSW4,Flat"),
    ("rr-sq8", "RR8,SQ8"), ("pad-flat", "Pad20,Flat"),
]:
    index = factory(text)
    exact = name == "pad-flat"
    save(name, index, by_row(index), exact=exact, tolerance=0 if name in ("pad-flat", "l2norm-flat") else NEAR)
index = faiss.IndexPreTransform(faiss.CenteringTransform(D), faiss.IndexFlatL2(D))
index.train(TRAIN)
index.add(X)
save("centering-flat", index, by_row(index), exact=False)
for name, text in [("rr-ivfflat", "RR16,IVF4,Flat"), ("opq-ivfpq", "OPQ4_8,IVF4,PQ4x4"), ("opq-ivfpq-residual", "OPQ4,IVF4,PQ4x4")]:
    index = factory(text)
    order = list_ids(faiss.extract_index_ivf(index))
    save(name, index, by_id(index, order), order, exact=False, tolerance=NEAR)
index = faiss.index_factory(D, "IDMap2,PCA8,Flat")
index.train(TRAIN)
index.add_with_ids(X, IDS)
save("idmap2-pca-flat", index, by_row(faiss.downcast_index(index.index)), IDS, exact=False, tolerance=NEAR)

# binary
BD = BITS.shape[1] * 8
index = faiss.IndexBinaryFlat(BD)
index.add(BITS)
save("binary-flat", index, BITS)
for name, kind in [("binary-idmap", faiss.IndexBinaryIDMap), ("binary-idmap2", faiss.IndexBinaryIDMap2)]:
    index = kind(faiss.IndexBinaryFlat(BD))
    index.add_with_ids(BITS, IDS)
    save(name, index, BITS, IDS)
index = faiss.index_binary_factory(BD, "BIVF4")
index.train(rng.integers(0, 256, (400, BD // 8), dtype="uint8"))
index.add_with_ids(BITS, IDS)
order = list_ids(index)
row = {int(i): r for r, i in enumerate(IDS)}
save("binary-ivf", index, BITS[[row[int(i)] for i in order]], order)
index = faiss.index_binary_factory(BD, "BHNSW4")
index.add(BITS)
save("binary-hnsw", index, BITS)

# kinds that only Faiss reads
many = vectors(150)  # a smaller graph can't be built
index = faiss.index_factory(D, "NSG4,Flat")
index.build_type = 0  # brute force
index.add(many)
save("nsgflat", index, many, reader="faiss")
index = faiss.IndexNNDescentFlat(D, 8)
index.add(many)
save("nndescentflat", index, many, reader="faiss")
index = factory("RQ2x4")
save("residual-quantizer", index, by_row(index), exact=False, reader="faiss")
index = factory("LSQ2x4")
save("local-search-quantizer", index, by_row(index), exact=False, reader="faiss")
index = faiss.index_factory(D, "IDMap,RQ2x4")
index.train(TRAIN)
index.add_with_ids(X, IDS)
save("idmap-residual-quantizer", index, by_row(faiss.downcast_index(index.index)), IDS, exact=False, reader="faiss")
index = faiss.IndexIVFPQR(faiss.IndexFlatL2(D), D, 4, 4, 4, 4, 4)
index.train(TRAIN)
index.add(X)
save("ivfpqr", index, by_row(index), exact=False, reader="faiss")

for name, text in [("fastscan", "PQ4x4fs"), ("ivf-fastscan", "IVF4,PQ4x4fs"), ("lsh", "LSH"), ("product-residual-quantizer", "PRQ2x2x4"),
                   ("product-local-search-quantizer", "PLSQ2x2x4")]:
    index = factory(text)
    save(name, index, by_row(index), exact=False, reader="faiss")
index = faiss.Index2Layer(faiss.IndexFlatL2(D), 4, 4, 4)
index.pq = faiss.ProductQuantizer(D, 4, 4)
index.code_size_2, index.code_size = index.pq.code_size, index.code_size_1 + index.pq.code_size
index.train(TRAIN)
index.add(X)
save("2layer", index, by_row(index), exact=False, reader="faiss")

# kinds that are refused
for name, text in [("refused-whitened", "PCAW8,Flat"), ("refused-itq", "ITQ8,LSH"), ("refused-ivf-residual-quantizer", "IVF4,RQ2x4")]:
    index = factory(text)
    faiss.write_index(index, str(OUT / f"{name}.faiss"))
index = faiss.IndexIVFPQR(faiss.IndexFlatL2(D), D, 4, 4, 4, 4, 4)
index.train(TRAIN)
index.add_with_ids(X, IDS)
faiss.write_index(index, str(OUT / "refused-ivfpqr-ids.faiss"))
index = factory("HNSW4,Flat")
faiss.write_index(index, str(OUT / "refused-no-storage.faiss"), faiss.IO_FLAG_SKIP_STORAGE)

(OUT / "manifest.json").write_text(json.dumps({"faiss": faiss.__version__, "fixtures": manifest}, indent=1) + "\n")
print(len(manifest), "fixtures", sum(p.stat().st_size for p in OUT.iterdir()), "bytes")
