#!/usr/bin/env python3
"""Writes the Faiss fixtures: NAME.faiss, and what Faiss itself says of it: NAME.f32 (vectors, float32) or NAME.u8
(packed bits), and NAME.ids (int64), row by row in the order in which the rows lie in the file. manifest.json lists them.

    python3 -m venv /tmp/venv && /tmp/venv/bin/pip install faiss-cpu==1.15.1 numpy && /tmp/venv/bin/python generate.py
"""
import json
import pathlib
import pickle

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

# graphs, and kinds that only Faiss reads
many = vectors(150)  # a smaller graph can't be built
index = faiss.index_factory(D, "NSG4,Flat")
index.build_type = 0  # brute force
index.add(many)
save("nsgflat", index, many)
index = faiss.IndexNNDescentFlat(D, 8)
index.add(many)
save("nndescentflat", index, many)
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

# panorama: rows in batches, level by level
for name, cls, d, levels, batch in [
    ("panorama-l2", "IndexFlatL2Panorama", D, 4, 32), ("panorama-ip", "IndexFlatIPPanorama", D, 3, 7),
    ("panorama-odd", "IndexFlatL2Panorama", 10, 7, 64),  # 7 levels of 2 elements: Faiss keeps 5
]:
    index = getattr(faiss, cls)(d, levels, batch)
    given = vectors(N, d)
    index.add(given)
    assert (by_row(index) == given).all(), name
    save(name, index, given)
index = faiss.IndexIDMap2(faiss.IndexFlatL2Panorama(D, 4, 16))
index.add_with_ids(X, IDS)
save("idmap2-panorama", index, X, IDS)
for name, levels, batch in [("ivf-panorama", 4, 24), ("ivf-panorama-odd", 7, 4)]:
    index = faiss.IndexIVFFlatPanorama(faiss.IndexFlatL2(D), D, LISTS, levels, faiss.METRIC_L2, True, batch)
    index.train(TRAIN)
    index.add_with_ids(X, IDS)
    order = list_ids(index)
    row = {int(i): r for r, i in enumerate(IDS)}
    save(name, index, X[[row[int(i)] for i in order]], order)
index = faiss.IndexHNSWFlatPanorama(D, 4, 4)
index.add(X)
save("hnsw-panorama", index, X)
index = faiss.IndexRefinePanorama(factory("IVF4,PQ4x4fs", n=0), faiss.IndexFlatL2Panorama(D, 4, 16))
index.add(X)
save("refine-panorama", index, X)

# lists in a file of their own, which lies beside the index
index = faiss.IndexIVFFlat(faiss.IndexFlatL2(D), D, 6)
index.train(TRAIN)
disk = faiss.OnDiskInvertedLists(index.nlist, index.code_size, str(OUT / "ivf-ondisk.ivfdata"))
index.replace_invlists(disk)
index.add_with_ids(X[:40], IDS[:40])
index.add_with_ids(X[40:], IDS[40:])
order = list_ids(index)
row = {int(i): r for r, i in enumerate(IDS)}
save("ivf-ondisk", index, X[[row[int(i)] for i in order]], order)
at = (OUT / "ivf-ondisk.faiss").read_bytes()  # the name that it states is that of another machine's file
for path in [str(OUT / "ivf-ondisk.ivfdata").encode()]:
    elsewhere = b"/elsewhere/ivf-ondisk.ivfdata"
    size = lambda name: len(name).to_bytes(8, "little")
    (OUT / "ivf-ondisk.faiss").write_bytes(at.replace(size(path) + path, size(elsewhere) + elsewhere))

# other graphs
index = faiss.IndexHNSWCagra(D, 4, faiss.METRIC_L2)
index.base_level_only = False
index.add(X)
save("hnsw-cagra", index, X)
small = vectors(150, 4)
index = faiss.IndexNNDescentFlat(4, 8)
index.add(small)
save("nndescent-small", index, small)
index = faiss.IndexNSGSQ(D, faiss.ScalarQuantizer.QT_8bit, 4)
index.build_type = 0
index.train(many)
index.add(many)
save("nsg-sq", index, by_row(index), exact=False)
index = faiss.IndexBinaryMultiHash(BD, 2, 8)
index.add(BITS)
save("binary-multi-hash", index, BITS)
index = faiss.IndexBinaryHNSWCagra(BD, 4)
index.base_level_only = False
index.add(BITS)
save("binary-hnsw-cagra", index, BITS)

# coarse quantizers of kinds whose rows are not read: the vectors behind them are
FEW, CELLS = 20, 16


def behind(name, quantizer, metric=faiss.METRIC_L2):
    """An IVFFlat with custom ids whose lists are chosen by quantizer, which holds CELLS centroids."""
    if not quantizer.is_trained:
        quantizer.train(TRAIN)
    if quantizer.ntotal == 0:
        quantizer.add(TRAIN[:CELLS])
    index = faiss.IndexIVFFlat(quantizer, D, quantizer.ntotal, metric)
    index.is_trained = True
    # lists are chosen here: some quantizers can't search before they are tuned
    index.add_core(FEW, faiss.swig_ptr(X), faiss.swig_ptr(IDS), faiss.swig_ptr(np.arange(FEW, dtype="int64") % 7))
    order = list_ids(index)
    row = {int(i): r for r, i in enumerate(IDS)}
    save("behind-" + name, index, X[[row[int(i)] for i in order]], order)


def quantizers():
    """Indexes of the kinds whose structure is passed over, empty, by names that this Faiss has."""
    flat = lambda: faiss.IndexFlatL2(D)
    made = {
        "ivf-fastscan-rflat": lambda: faiss.index_factory(D, "IVF4,PQ4x4fs,RFlat"), "fastscan": lambda: faiss.index_factory(D, "PQ4x4fs"),
        "ivf-fastscan": lambda: faiss.index_factory(D, "IVF4,PQ4x4fs"),
        "whitened": lambda: faiss.index_factory(D, "PCAW8,Flat"), "itq": lambda: faiss.index_factory(D, "ITQ8,LSH"),
        "lsh": lambda: faiss.index_factory(D, "LSH"), "lsh-thresholds": lambda: faiss.index_factory(D, "LSHrt"),
        "2layer": lambda: two_layer(), "ivfpqr": lambda: faiss.IndexIVFPQR(flat(), D, 4, 4, 4, 4, 4),
        "spectral": lambda: faiss.IndexIVFSpectralHash(flat(), D, 4, 16, 1.0),
        "dedup": lambda: faiss.IndexIVFFlatDedup(flat(), D, 4),
    }
    for label, text in [
        ("rq", "RQ2x4"), ("rq-norms", "RQ2x4_Nqint8"), ("rq-clustered", "RQ2x4_Ncqint8"), ("lsq", "LSQ2x4"), ("lsq-norms", "LSQ2x4_Ncqint4"),
        ("prq", "PRQ2x2x4"), ("plsq", "PLSQ2x2x4"), ("rq-fastscan", "RQ2x4fs_Nrq2x4"), ("lsq-fastscan", "LSQ2x4fs_Nlsq2x4"),
        ("prq-fastscan", "PRQ2x2x4fs_Nrq2x4"), ("plsq-fastscan", "PLSQ2x2x4fs_Nlsq2x4"), ("ivf-rq", "IVF4,RQ2x4"), ("ivf-lsq", "IVF4,LSQ2x4"),
        ("ivf-prq", "IVF4,PRQ2x2x4"), ("ivf-plsq", "IVF4,PLSQ2x2x4"), ("ivf-rq-fastscan", "IVF4,RQ2x4fs_Nrq2x4"),
        ("ivf-lsq-fastscan", "IVF4,LSQ2x4fs_Nlsq2x4"), ("ivf-prq-fastscan", "IVF4,PRQ2x2x4fs_Nrq2x4"),
        ("ivf-plsq-fastscan", "IVF4,PLSQ2x2x4fs_Nlsq2x4"),
    ]:
        made[label] = lambda text=text: faiss.index_factory(D, text)
    newer = {
        "rabitq": lambda: faiss.IndexRaBitQ(D), "rabitq-bits": lambda: faiss.IndexRaBitQ(D, faiss.METRIC_L2, 4),
        "ivf-rabitq": lambda: faiss.IndexIVFRaBitQ(flat(), D, 4), "rabitq-fastscan": lambda: faiss.IndexRaBitQFastScan(D),
        "ivf-rabitq-bits": lambda: faiss.IndexIVFRaBitQ(flat(), D, 4, faiss.METRIC_L2, True, 4),
        "ivf-rabitq-fastscan": lambda: faiss.IndexIVFRaBitQFastScan(flat(), D, 4),
        "eden": lambda: faiss.index_factory(D, "EDEN4"), "ivf-eden": lambda: faiss.index_factory(D, "IVF4,EDEN4"),
        "turbo": lambda: faiss.IndexScalarQuantizer(D, faiss.ScalarQuantizer.QT_4bit_tqmse),
        "hadamard": lambda: faiss.IndexPreTransform(faiss.HadamardRotation(D), flat()),
    }
    return {**made, **newer}


def two_layer():
    index = faiss.Index2Layer(faiss.IndexFlatL2(D), 4, 4, 4)
    index.pq = faiss.ProductQuantizer(D, 4, 4)
    index.code_size_2, index.code_size = index.pq.code_size, index.code_size_1 + index.pq.code_size
    return index


# closed: the kinds alone, with IDMap around them; the name of the kind is index_read.cpp's
closed = []
for label, make in quantizers().items():
    try:
        quantizer = make()
        behind(label, quantizer)
    except (AttributeError, RuntimeError) as e:  # this Faiss has no such kind
        print(f"{label}: {str(e)[:150]}")
        continue
    if label in ("itq", "whitened", "hadamard", "fastscan", "lsh", "ivf-fastscan-rflat"):
        continue
    faiss.write_index(quantizer, str(OUT / f"closed-{label}.faiss"))
    closed.append({"name": f"closed-{label}", "kind": type(faiss.downcast_index(quantizer)).__name__.removeprefix("Index"), "rows": int(quantizer.ntotal)})
for label, kind in [("minmax", faiss.IndexRowwiseMinMax), ("minmax-fp16", faiss.IndexRowwiseMinMaxFP16)]:  # codecs, which hold no rows
    index = kind(faiss.IndexScalarQuantizer(D, faiss.ScalarQuantizer.QT_8bit))
    index.train(TRAIN)
    faiss.write_index(index, str(OUT / f"closed-{label}.faiss"))
    closed.append({"name": f"closed-{label}", "kind": type(index).__name__.removeprefix("Index"), "rows": 0})
quantizer = faiss.ResidualCoarseQuantizer(D, 2, 2)
quantizer.train(TRAIN)
behind("residual-coarse", quantizer)
index = faiss.IndexIVFPQ(quantizer, D, quantizer.ntotal, 4, 4)  # its codes are relative to centroids that are not read
index.train(TRAIN)
index.add(X[:FEW])
faiss.write_index(index, str(OUT / "closed-ivfpq-residual-coarse.faiss"))
closed.append({"name": "closed-ivfpq-residual-coarse", "kind": "IVFPQ", "rows": FEW})
index = faiss.IndexIVFIndependentQuantizer(faiss.IndexFlatL2(D), faiss.IndexIVFFlat(faiss.IndexFlatL2(8), 8, LISTS), faiss.PCAMatrix(D, 8))
index.own_fields = False
index.train(TRAIN)
index.add(X[:FEW])
faiss.write_index(index, str(OUT / "closed-independent.faiss"))
closed.append({"name": "closed-independent", "kind": "IVFIndependentQuantizer", "rows": int(index.ntotal)})

# ids were removed from an IDMap over IVF: the map moves up, the places in the lists do not
for name, kind, removed, more in [("refused-removed-outside", faiss.IndexIDMap, IDS[5:9], 0), ("refused-removed-twice", faiss.IndexIDMap2, IDS[:9], 9)]:
    index = kind(factory("IVF4,Flat", n=0))
    index.add_with_ids(X[:50], IDS[:50])
    index.remove_ids(removed)
    if more:
        index.add_with_ids(X[50:50 + more], IDS[50:50 + more])
    faiss.write_index(index, str(OUT / f"{name}.faiss"))
index = faiss.IndexIDMap2(factory("IVF4,Flat", n=0))  # the last ones: map and places still agree
index.add_with_ids(X[:50], IDS[:50])
index.remove_ids(IDS[45:50])
order = list_ids(faiss.downcast_index(index.index))
save("idmap2-ivf-removed-last", index, X[order], IDS[order])

# pickles that hold an index, as LangChain's serialize_to_bytes
tiny = faiss.IndexFlatL2(4)
tiny.add(vectors(3, 4))
for protocol in (2, 4, 5):
    (OUT / f"foreign-{protocol}.pkl").write_bytes(pickle.dumps((tiny, {0: "a"}), protocol=protocol))

(OUT / "manifest.json").write_text(json.dumps({"faiss": faiss.__version__, "fixtures": manifest, "closed": closed}, indent=1) + "\n")
print(len(manifest), "fixtures", sum(p.stat().st_size for p in OUT.iterdir()), "bytes")
