#!/usr/bin/env python3
"""Writes the HDF5 files of this directory and manifest.json, which says what each of them holds.

    python3 -m venv venv && venv/bin/pip install -r requirements.txt && venv/bin/python generate.py

A case of the manifest is a job and either the fields that reading it must give or the error that it must be. Field
values are what goes over the wire to Milvus: little-endian bytes in base64, or a list of strings.
"""
import base64
import json
import os
import warnings

import h5py
import numpy as np
import pandas as pd
import tables

HERE = os.path.dirname(os.path.abspath(__file__))
ROWS, DIM = 50, 16
rng = np.random.default_rng(20211)
cases = []


def open_new(name, **kw):
    return h5py.File(os.path.join(HERE, name), "w", track_order=False, **kw)


def raw(kind, values, dim=0):
    """A field of numbers or vectors."""
    wire = {"Bool": "?", "Int8": "<i4", "Int16": "<i4", "Int32": "<i4", "Int64": "<i8", "Float": "<f4", "Double": "<f8", "FloatVector": "<f4",
            "BinaryVector": "u1", "Float16Vector": "<f2", "BFloat16Vector": "<u2"}[kind]
    data = np.ascontiguousarray(values).astype(wire).tobytes()
    return {"type": kind, "dim": dim, "data": base64.b64encode(data).decode()}


def texts(kind, values, max_length=0):
    return {"type": kind, "maxLength": max_length, "strings": list(values)}


def case(name, fields, key="id", files=None, rows=ROWS, format="", metric="", notes=(), generated=False, **job):
    cases.append({"name": name, "job": {"paths": files or [name], **job}, "fields": fields, "key": key, "rows": rows,
                  "format": format, "metric": metric, "notes": list(notes), "generatedKeys": generated})


def refused(name, kind, *contains, files=None, **job):
    cases.append({"name": name, "job": {"paths": files or [name], **job}, "error": {"kind": kind, "contains": list(contains)}})


def floats(dtype="f4", dim=DIM, rows=ROWS):
    return rng.standard_normal((rows, dim)).astype(dtype)


def ids(rows=ROWS):
    """Negative, large, unordered: what a float64 would lose."""
    v = rng.permutation(rows).astype("i8") * 1_000_003 - 7
    v[0], v[1] = 2**62 + 1, -(2**63)
    return v


def milvusdm():
    v, k = floats(), ids()
    plain = {"id": raw("Int64", k), "embedding": raw("FloatVector", v, DIM)}

    with open_new("milvusdm-float32.h5") as f:
        f["embeddings"], f["ids"] = v, k
    case("milvusdm-float32.h5", plain, format="HDF5, MilvusDM layout (embeddings, ids)")
    case("milvusdm-float32.h5", {"key": plain["id"], "vec": plain["embedding"]}, key="key", keyField="key", vectorField="vec")
    case("milvusdm-float32.h5", {"id": raw("Int64", range(ROWS)), "embedding": plain["embedding"]}, key_none=None, generated=True)
    case("milvusdm-float32.h5", plain, object="/embeddings")
    case("milvusdm-float32.h5", {"id": raw("Int64", k[11:31]), "embedding": raw("FloatVector", v[11:31], DIM)}, rows=20,
         slice={"first": 11, "count": 20})

    storages = {
        "chunked": dict(chunks=(7, DIM)), "columns": dict(chunks=(7, 5)), "gzip": dict(chunks=(13, DIM), compression="gzip"),
        "filters": dict(chunks=(20, DIM), compression="gzip", shuffle=True, fletcher32=True), "one-chunk": dict(chunks=(ROWS, DIM), compression="gzip"),
        "growing": dict(chunks=(9, DIM), maxshape=(None, DIM), compression="gzip"),
    }
    for name, how in storages.items():
        with open_new(f"milvusdm-{name}.h5") as f:
            f.create_dataset("embeddings", data=v, **how)
            f.create_dataset("ids", data=k, chunks=(8,), compression="gzip")
        case(f"milvusdm-{name}.h5", plain)

    with open_new("milvusdm-bigendian.h5") as f:
        f["embeddings"], f["ids"] = v.astype(">f4"), k.astype(">i8")
    case("milvusdm-bigendian.h5", plain)
    with open_new("milvusdm-latest.h5", libver="v110") as f:
        f["embeddings"], f["ids"] = v, k
    case("milvusdm-latest.h5", plain)
    with open_new("milvusdm-userblock.h5", userblock_size=1024) as f:
        f["embeddings"], f["ids"] = v, k
    case("milvusdm-userblock.h5", plain)
    with open_new("milvusdm-deep.h5") as f:
        f["a/b/embeddings"], f["a/b/ids"] = v, k
    case("milvusdm-deep.h5", plain)
    with open_new("milvusdm-softlink.h5") as f:
        f["data/v"], f["data/k"] = v, k
        f["embeddings"], f["ids"] = h5py.SoftLink("/data/v"), h5py.SoftLink("/data/k")
    case("milvusdm-softlink.h5", plain, layout="milvusdm")

    wide = floats("f8")
    with open_new("milvusdm-float64.h5") as f:
        f["embeddings"], f["ids"] = wide, k
    case("milvusdm-float64.h5", {**plain, "embedding": raw("FloatVector", wide.astype("f4"), DIM)}, notes=["float64 is converted to float32"])
    half = floats("f2")
    half[0, :8] = [0, -0.0, 6e-8, 6.1e-5, 65504, -65504, 1.0009765625, 5.9e-5]
    with open_new("milvusdm-float16.h5") as f:
        f["embeddings"], f["ids"] = half, k
    case("milvusdm-float16.h5", {**plain, "embedding": raw("FloatVector", half.astype("f4"), DIM)}, notes=["float16 is converted to float32"])
    case("milvusdm-float16.h5", {**plain, "embedding": raw("Float16Vector", half, DIM)}, vector="Float16Vector")
    with open_new("milvusdm-float16-bigendian.h5") as f:
        f["embeddings"], f["ids"] = half.astype(">f2"), k
    case("milvusdm-float16-bigendian.h5", {**plain, "embedding": raw("Float16Vector", half, DIM)}, vector="Float16Vector")

    packed = rng.integers(0, 256, (ROWS, 8), dtype="u1")
    packed[:, -1] = 0
    packed[3] = 0
    binary = raw("BinaryVector", packed, 64)
    with open_new("milvusdm-uint8.h5") as f:
        f["embeddings"], f["ids"] = packed, k
    case("milvusdm-uint8.h5", {**plain, "embedding": binary})
    case("milvusdm-uint8.h5", {**plain, "embedding": raw("FloatVector", packed, 8)}, vector="FloatVector", notes=["uint8 is converted"])
    with open_new("milvusdm-strings.h5") as f:
        f["embeddings"], f["ids"] = packed.view("S8").reshape(ROWS), k
    case("milvusdm-strings.h5", {**plain, "embedding": binary})
    with open_new("milvusdm-int8.h5") as f:
        f["embeddings"] = packed.view("i1")
    refused("milvusdm-int8.h5", "Unsupported", "8 x int8 in each row", "source.hdf5.vector")
    case("milvusdm-int8.h5", {"id": raw("Int64", range(ROWS)), "embedding": raw("FloatVector", packed.view("i1"), 8)}, vector="FloatVector", generated=True)

    for t in ("u1", "i2", ">u4", "u8"):
        small = rng.permutation(ROWS).astype(t)
        with open_new(f"milvusdm-ids-{t[-2:]}.h5") as f:
            f["embeddings"], f["ids"] = v, small
        case(f"milvusdm-ids-{t[-2:]}.h5", {**plain, "id": raw("Int64", small)})
    small = np.arange(ROWS).astype("u8")
    small[17] = 2**63
    with open_new("milvusdm-ids-large.h5") as f:
        f["embeddings"], f["ids"] = v, small
    refused("milvusdm-ids-large.h5", "Corrupt", "milvusdm-ids-large.h5: row 17 of /ids", "9223372036854775808")
    with open_new("milvusdm-ids-float.h5") as f:
        f["embeddings"], f["ids"] = v, k.astype("f8")
    refused("milvusdm-ids-float.h5", "Config", "/ids holds float64", "source.hdf5.key")

    with open_new("milvusdm-no-ids.h5") as f:
        f["embeddings"] = v
    case("milvusdm-no-ids.h5", {"id": raw("Int64", range(ROWS)), "embedding": plain["embedding"]}, generated=True)
    both = ["milvusdm-no-ids.h5", "milvusdm-no-ids-2.h5"]
    v2 = floats(rows=13)
    with open_new(both[1]) as f:
        f["embeddings"] = v2
    case("two files, numbered", {"id": raw("Int64", range(ROWS + 13)), "embedding": raw("FloatVector", np.vstack([v, v2]), DIM)}, files=both,
         rows=ROWS + 13, generated=True)
    case("two files, part", {"id": raw("Int64", range(40, 60)), "embedding": raw("FloatVector", np.vstack([v, v2])[40:60], DIM)}, files=both,
         rows=20, generated=True, slice={"first": 40, "count": 20})
    refused("keys in one of two", "Config", "milvusdm-float32.h5 has keys", "milvusdm-no-ids.h5 has none", files=["milvusdm-float32.h5", both[0]])
    refused("the same twice", "Config", "same file", files=[both[0], both[0]])
    refused("milvusdm-no-ids.h5", "Config", "source.hdf5.key", "uid", "embeddings", key_name="uid")
    refused("milvusdm-no-ids.h5", "Config", "holds no /nope", "/embeddings (50 x 16 float32)", "source.hdf5.object", object="/nope")
    refused("milvusdm-no-ids.h5", "Config", "holds no dataset /train", "source.hdf5.layout", layout="ann-benchmarks")
    refused("milvusdm-no-ids.h5", "Config", "rows.first is 50", slice={"first": 50})
    refused("milvusdm-no-ids.h5", "Config", "source.hdf5.json", "title", json=["title"])
    refused("milvusdm-no-ids.h5", "Config", "is none of FloatVector", vector="Vector")
    refused("milvusdm-no-ids.h5", "Config", "is none of", layout="csv")

    with open_new("milvusdm-dim8.h5") as f:
        f["embeddings"], f["ids"] = v[:, :8], k
    refused("two dimensions", "Config", "dimension 16 in", "8 in", "milvusdm-dim8.h5", "milvusdm-float32.h5", files=["milvusdm-float32.h5", "milvusdm-dim8.h5"])
    with open_new("milvusdm-short-ids.h5") as f:
        f["embeddings"], f["ids"] = v, k[:-1]
    refused("milvusdm-short-ids.h5", "Corrupt", "/ids has 49 rows", "/embeddings has 50")
    with open_new("milvusdm-empty.h5") as f:
        f["embeddings"], f["ids"] = v[:0], k[:0]
    refused("milvusdm-empty.h5", "Corrupt", "holds no rows")
    with open_new("milvusdm-unwritten.h5") as f:
        f.create_dataset("embeddings", (ROWS, DIM), "f4")
        f["ids"] = k
    refused("milvusdm-unwritten.h5", "Corrupt", "was never written")
    with open_new("milvusdm-half-written.h5") as f:
        f.create_dataset("embeddings", (ROWS, DIM), "f4", chunks=(10, DIM), compression="gzip")[:30] = v[:30]
        f["ids"] = k
    refused("milvusdm-half-written.h5", "Corrupt", "only 3 of its 5 chunks")
    with open_new("milvusdm-lzf.h5") as f:
        f.create_dataset("embeddings", data=v, compression="lzf")
    refused("milvusdm-lzf.h5", "Unsupported", "LZF", "/embeddings")
    with open_new("milvusdm-external-link.h5") as f:
        f["embeddings"], f["ids"] = h5py.ExternalLink("milvusdm-float32.h5", "/embeddings"), k
    refused("milvusdm-external-link.h5", "Unsupported", "link into another file")
    with open_new("milvusdm-external-group.h5") as f:
        f["ext"], f["soft"] = h5py.ExternalLink("milvusdm-float32.h5", "/"), h5py.SoftLink("/ext")
    refused("milvusdm-external-group.h5", "Unsupported", "link into another file", object="/ext/embeddings")
    with open_new("milvusdm-virtual.h5") as f:
        layout = h5py.VirtualLayout((ROWS, DIM), "f4")
        layout[:] = h5py.VirtualSource("milvusdm-float32.h5", "embeddings", (ROWS, DIM))
        f.create_virtual_dataset("embeddings", layout)
    refused("milvusdm-virtual.h5", "Unsupported", "virtual dataset", "h5repack")
    with open_new("milvusdm-external-data.h5") as f:
        f.create_dataset("embeddings", (ROWS, DIM), "f4", external=[("outside.bin", 0, h5py.h5f.UNLIMITED)])
    refused("milvusdm-external-data.h5", "Unsupported", "in another file")
    with open_new("scalar-only.h5") as f:
        f["version"] = 1
    refused("scalar-only.h5", "Config", "/version")
    with open_new("nothing.h5"):
        pass
    refused("nothing.h5", "Corrupt", "no datasets")


def ann():
    v = floats()
    neighbours = rng.integers(0, ROWS, (4, 10))
    numbered = raw("Int64", range(ROWS))

    def write(name, train, distance):
        with open_new(name) as f:
            f["train"], f["test"], f["neighbors"], f["distances"] = train, train[:4], neighbours, neighbours.astype("f4")
            f.attrs["type"], f.attrs["distance"] = "dense", distance

    write("ann-euclidean.h5", v, "euclidean")
    case("ann-euclidean.h5", {"id": numbered, "embedding": raw("FloatVector", v, DIM)}, format="HDF5, ann-benchmarks layout (train)", metric="L2",
         notes=["distances, neighbors, test"], generated=True)
    wide = floats("f8")
    write("ann-angular.h5", wide, "angular")
    case("ann-angular.h5", {"id": numbered, "embedding": raw("FloatVector", wide.astype("f4"), DIM)}, metric="COSINE", generated=True)
    write("ann-dot.h5", v, np.bytes_("dot"))
    case("ann-dot.h5", {"id": numbered, "embedding": raw("FloatVector", v, DIM)}, metric="IP", generated=True)
    write("ann-chebyshev.h5", v, "chebyshev")
    case("ann-chebyshev.h5", {"id": numbered, "embedding": raw("FloatVector", v, DIM)}, notes=["chebyshev"], generated=True)

    bits = rng.integers(0, 2, (ROWS, 20)).astype(bool)
    packed = raw("BinaryVector", np.packbits(bits, axis=1), 24)
    write("ann-hamming.h5", bits, "hamming")
    case("ann-hamming.h5", {"id": numbered, "embedding": packed}, metric="HAMMING", generated=True, notes=["padded with zeros to 24"])
    write("ann-jaccard.h5", bits.astype("u1"), "jaccard")
    case("ann-jaccard.h5", {"id": numbered, "embedding": packed}, metric="JACCARD", generated=True)
    numbers = bits.astype("u1")
    numbers[33, 3] = 2
    write("ann-numbers.h5", numbers, "euclidean")
    refused("ann-numbers.h5", "Corrupt", "row 33 of /train", "element 3 is 2", "FloatVector")
    case("ann-numbers.h5", {"id": numbered, "embedding": raw("FloatVector", numbers, 20)}, metric="L2", vector="FloatVector", generated=True)
    refused("two metrics", "Config", "ann-euclidean.h5", "ann-dot.h5", files=["ann-euclidean.h5", "ann-dot.h5"])


def group():
    v, k = floats(), ids()
    half, packed, bits = floats("f2", 4), rng.integers(0, 256, (ROWS, 2), dtype="u1"), rng.integers(0, 2, (ROWS, 16)).astype(bool)
    words = ["", "plain", "grüße", "日本語", "\U0001f4e6 box", "a" * 300]
    strings = [words[i % len(words)] + str(i) if i % 7 else "" for i in range(ROWS)]
    documents = [json.dumps({"n": i, "name": strings[i], "big": 2**60 + i}, ensure_ascii=False) for i in range(ROWS)]
    fixed = np.array([s.encode()[: 5 + i % 4] if s.isascii() else b"" for i, s in enumerate(strings)], "S12")
    numbers = {"i1": "Int8", "i2": "Int16", "i4": "Int32", "i8": "Int64", "u1": "Int16", "u2": "Int32", "u4": "Int64", "u8": "Int64"}
    extremes = {}
    for t in numbers:
        info = np.iinfo(t)
        n = rng.integers(info.min, min(int(info.max), 2**63 - 1), ROWS, dtype=t, endpoint=True)
        n[:2] = info.min, min(int(info.max), 2**63 - 1)
        extremes[t] = n
    single, double, scalar_half = floats("f4", 1).ravel(), floats("f8", 1).ravel(), floats("f2", 1).ravel()
    double[0] = 0.1
    flags = rng.integers(0, 2, ROWS).astype(bool)

    fields = {
        "id": raw("Int64", k), "vec": raw("FloatVector", v, DIM), "half": raw("Float16Vector", half, 4), "bin": raw("BinaryVector", packed, 16),
        "bits": raw("BinaryVector", np.packbits(bits, axis=1), 16), "f2": raw("Float", scalar_half), "f4": raw("Float", single),
        "f8": raw("Double", double), "flag": raw("Bool", flags), "text": texts("VarChar", strings, 65535),
        "fixed": texts("VarChar", [s.decode() for s in fixed], 12), "padded": texts("VarChar", ["ab", "abc", "a b"] * 16 + ["", "x"], 3),
        "meta": texts("JSON", documents), **{t: raw(numbers[t], extremes[t]) for t in numbers},
    }

    def write(name, **storage):
        with open_new(name) as f:
            g = f.create_group("items")

            def put(field, data, **kw):
                g.create_dataset(field, data=data, **kw, **storage)

            put("id", k), put("vec", v), put("half", half), put("bin", packed), put("bits", bits)
            put("f2", scalar_half), put("f4", single), put("f8", double), put("flag", flags)
            put("text", strings, dtype=h5py.string_dtype()), put("fixed", fixed), put("meta", documents, dtype=h5py.string_dtype())
            spaces = h5py.h5t.C_S1.copy()
            spaces.set_size(3)
            spaces.set_strpad(h5py.h5t.STR_SPACEPAD)
            d = h5py.h5d.create(g.id, b"padded", spaces, h5py.h5s.create_simple((ROWS,)))
            d.write(h5py.h5s.ALL, h5py.h5s.ALL, np.array([b"ab ", b"abc", b"a b"] * 16 + [b"   ", b"x  "], "S3"), mtype=spaces)
            for t in numbers:
                put(t, extremes[t])
            g["version"] = 3  # one value for the whole

    write("group.h5")
    case("group.h5", fields, json=["meta"], format="HDF5, group layout (bin, bits, f2, f4, f8, fixed, flag, half, i1", notes=["version"])
    case("group.h5", {**fields, "meta": texts("VarChar", documents, 65535)}, object="items")
    case("group.h5", {**{n: f for n, f in fields.items() if n != "i4"}, "key": raw("Int64", extremes["i4"])}, key="key", key_name="i4", keyField="key", json=["meta"])
    write("group-gzip.h5", chunks=True, compression="gzip", shuffle=True)
    case("group-gzip.h5", fields, json=["meta"])
    # which has no id, so rows are numbered, and the name is free
    with open_new("group-no-key.h5") as f:
        f["vec"], f["name"] = v, fixed
    case("group-no-key.h5", {"id": raw("Int64", range(ROWS)), "vec": fields["vec"], "name": fields["fixed"]}, generated=True)
    with open_new("group-embeddings.h5") as f:  # MilvusDM's two, and one more
        f["embeddings"], f["ids"], f["title"] = v, k, fixed
    case("group-embeddings.h5", {"ids": raw("Int64", k), "embeddings": fields["vec"], "title": fields["fixed"]}, key="ids")
    case("group-embeddings.h5", {"id": raw("Int64", k), "embedding": fields["vec"]}, layout="milvusdm", notes=["title"])

    bfloat = (v.view("u4") >> 16).astype("u2")
    with open_new("group-bfloat16.h5") as f:
        f["as_bits"] = bfloat
        t = h5py.h5t.IEEE_F32LE.copy()
        t.set_fields(15, 7, 8, 0, 7)
        t.set_size(2)
        t.set_ebias(127)
        d = h5py.h5d.create(f.id, b"own_type", t, h5py.h5s.create_simple(bfloat.shape))
        d.write(h5py.h5s.ALL, h5py.h5s.ALL, bfloat, mtype=t)
    case("group-bfloat16.h5", {"id": raw("Int64", range(ROWS)), "as_bits": raw("BFloat16Vector", bfloat, DIM), "own_type": raw("BFloat16Vector", bfloat, DIM)},
         vector="BFloat16Vector", generated=True)

    def broken(name, /, *contains, kind="Corrupt", job=None, **datasets):
        with open_new(name) as f:
            for field, data in {"vec": v, "id": k, **datasets}.items():
                f[field] = data
        refused(name, kind, *contains, **(job or {}))

    vl = h5py.string_dtype()
    def left(name, /, *notes, **datasets):
        """A group of which one dataset does not fit: the others are read."""
        with open_new(name) as f:
            for field, data in {"vec": v, "id": k, **datasets}.items():
                f[field] = data
        case(name, {"id": raw("Int64", k), "vec": fields["vec"]}, notes=notes)

    left("group-lengths.h5", "not copied: name: of 49 rows and not 50", name=fixed[:-1])
    broken("group-not-utf8.h5", "row 21 of /name", "not valid UTF-8", name=np.array([b"ok"] * 21 + [b"\xff\xfe"] + [b"ok"] * 28, "S3"))
    with open_new("group-long-text.h5") as f:
        f["vec"], f["id"] = v, k
        f.create_dataset("name", data=["x"] * 7 + ["y" * 65536] + ["x"] * 42, dtype=vl)
    refused("group-long-text.h5", "Corrupt", "row 7 of /name", "65536 bytes")
    with open_new("group-longest-text.h5") as f:
        f["vec"], f["id"] = v[:3], k[:3]
        f.create_dataset("name", data=["x", "y" * 65535, ""], dtype=vl, chunks=(2,), compression="gzip")
    case("group-longest-text.h5", {"id": raw("Int64", k[:3]), "vec": raw("FloatVector", v[:3], DIM), "name": texts("VarChar", ["x", "y" * 65535, ""], 65535)}, rows=3)
    with open_new("group-bad-json.h5") as f:
        f["vec"], f["id"] = v, k
        f.create_dataset("meta", data=documents[:9] + ["{oops"] + documents[10:], dtype=vl)
    refused("group-bad-json.h5", "Corrupt", "row 9 of /meta", "not valid JSON", json=["meta"])
    broken("group-unsigned.h5", "row 4 of /n:", "above the largest Int64", n=np.array([1, 2, 3, 4, 2**64 - 1] + [0] * 45, "u8"))
    left("group-complex.h5", "not copied: z: of a type that is no field", z=v.astype("c8")[:, 0])
    left("group-3d.h5", "not copied: cube: of 3 dimensions", cube=v.reshape(ROWS, 4, 4))
    refused("group-3d.h5", "Unsupported", "/cube can't be read", "of 3 dimensions", fields=["cube"])
    left("group-int-matrix.h5", "not copied: m: 2 x int32 in each row, which is no vector by itself; write source.hdf5.vector: FloatVector",
         m=np.ones((ROWS, 2), "i4"))
    with open_new("group-text-key.h5") as f:
        f["vec"], f["id"] = v, fixed
    case("group-text-key.h5", {"id": fields["fixed"], "vec": fields["vec"]})
    refused("group-text-key.h5", "Config", "would both be field", "source.hdf5.key_field: row", key_name="none")
    case("group-text-key.h5", {"number": raw("Int64", range(ROWS)), "vec": fields["vec"], "id": fields["fixed"]}, key="number", key_name="none", keyField="number",
         generated=True)
    with open_new("group-no-vector.h5") as f:
        f["id"], f["name"] = k, fixed
    refused("group-no-vector.h5", "Config", "holds no vectors", "/name (50 string of 12 bytes)")
    with open_new("two-groups.h5") as f:
        f["a/vec"], f["b/vec"] = v, v
    refused("two-groups.h5", "Config", "source.hdf5.object", "/a/vec", "/b/vec")
    case("two-groups.h5", {"id": raw("Int64", range(ROWS)), "vec": fields["vec"]}, object="b", generated=True)


def compound():
    record = np.dtype([("id", "<i8"), ("vec", "<f4", (DIM,)), ("name", "S16"), ("price", ">f8"), ("n", "u2"), ("ok", "?"), ("half", "<f2", (4,)), ("bin", "u1", (2,))])
    rows = np.zeros(ROWS, record)
    rows["id"], rows["vec"], rows["price"], rows["n"] = ids(), floats(), floats("f8", 1).ravel(), rng.integers(0, 65536, ROWS)
    rows["ok"], rows["half"], rows["bin"] = rng.integers(0, 2, ROWS), floats("f2", 4), rng.integers(0, 256, (ROWS, 2))
    rows["name"] = [f"item {i}" for i in range(ROWS)]
    fields = {
        "id": raw("Int64", rows["id"]), "vec": raw("FloatVector", rows["vec"], DIM), "name": texts("VarChar", [s.decode() for s in rows["name"]], 16),
        "price": raw("Double", rows["price"]), "n": raw("Int32", rows["n"]), "ok": raw("Bool", rows["ok"]), "half": raw("Float16Vector", rows["half"], 4),
        "bin": raw("BinaryVector", rows["bin"], 16),
    }
    with open_new("compound.h5") as f:
        f["data"] = rows
    case("compound.h5", fields, format="HDF5, compound layout (id, vec, name, price, n, ok, half, bin)")
    case("compound.h5", fields, object="/data", layout="compound")
    with open_new("compound-gzip.h5") as f:
        f.create_dataset("data", data=rows, chunks=(12,), compression="gzip", shuffle=True)
    case("compound-gzip.h5", fields)
    with open_new("compound-strings.h5") as f:
        record = np.dtype([("name", h5py.string_dtype()), ("vec", "<f4", (DIM,)), ("id", "<i4")])
        texted = np.zeros(ROWS, record)
        texted["vec"], texted["id"] = rows["vec"], np.arange(ROWS)
        texted["name"] = [f"größer {i}" for i in range(ROWS)]
        f["data"] = texted
    case("compound-strings.h5", {"id": raw("Int64", range(ROWS)), "vec": fields["vec"], "name": texts("VarChar", [f"größer {i}" for i in range(ROWS)], 65535)})
    with open_new("compound-nested.h5") as f:
        f["data"] = np.zeros(ROWS, [("vec", "<f4", (4,)), ("point", [("x", "f4"), ("y", "f4")])])
    case("compound-nested.h5", {"id": raw("Int64", range(ROWS)), "vec": raw("FloatVector", np.zeros((ROWS, 4)), 4)}, generated=True,
         notes=["not copied: point: of a type that is not read: nested compound"])
    with open_new("compound-matrix.h5") as f:
        f["data"] = np.zeros(ROWS, [("vec", "<f4", (4, 4))])
    refused("compound-matrix.h5", "Unsupported", "vec: of a type that is not read: nested array")


def pandas_frames():
    def store(name, frame, format="fixed", key="df", **kw):
        path = os.path.join(HERE, name)
        if os.path.exists(path):
            os.remove(path)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            frame.to_hdf(path, key=key, format=format, **kw)

    v, k = floats(), ids()
    numbers = raw("Int64", range(ROWS))
    vector = raw("FloatVector", v, DIM)
    store("pandas.h5", pd.DataFrame(v))
    case("pandas.h5", {"id": numbers, "embedding": vector}, format="HDF5, pandas layout (/df)", notes=["16 columns are the vector: 0, 1, ..., 15"])
    case("pandas.h5", {"id": numbers, "embedding": vector}, generated=True, key_name="none")
    store("pandas-index.h5", pd.DataFrame(v, index=k), complevel=5, complib="zlib")
    case("pandas-index.h5", {"id": raw("Int64", k), "embedding": vector})
    wide = floats("f8")
    mixed = pd.DataFrame(wide, columns=[f"x{i}" for i in range(DIM)], index=[f"row {i}" for i in range(ROWS)])
    mixed.insert(3, "y", v[:, 0])
    mixed["id"], mixed["n"], mixed["ok"] = k, np.arange(ROWS, dtype="u1"), np.arange(ROWS) % 3 == 0
    joined = np.hstack([wide[:, :3].astype("f4"), v[:, :1], wide[:, 3:].astype("f4")])
    fields = {"id": raw("Int64", k), "embedding": raw("FloatVector", joined, DIM + 1), "n": raw("Int16", np.arange(ROWS)), "ok": raw("Bool", np.arange(ROWS) % 3 == 0),
              "index": texts("VarChar", [f"row {i}" for i in range(ROWS)], 6)}
    store("pandas-mixed.h5", mixed, key="a/b")
    case("pandas-mixed.h5", fields, notes=["17 columns are the vector: x0, x1, ..., x15", "float64 is converted"])
    whole = np.hstack([joined, np.arange(ROWS)[:, None]])
    case("pandas-mixed.h5", {"id": raw("Int64", k), "embedding": raw("FloatVector", whole, DIM + 2), "ok": fields["ok"], "index": fields["index"]}, vector="FloatVector")
    counts = rng.integers(0, 256, (ROWS, DIM), dtype="u1")
    store("pandas-uint8.h5", pd.DataFrame(counts))
    refused("pandas-uint8.h5", "Config", "no floating-point columns", "FloatVector")
    case("pandas-uint8.h5", {"id": numbers, "embedding": raw("FloatVector", counts, DIM)}, vector="FloatVector")
    case("pandas-uint8.h5", {"id": numbers, "embedding": raw("BinaryVector", counts, 8 * DIM)}, vector="BinaryVector")
    store("pandas-table.h5", pd.DataFrame(v, index=k), format="table")
    case("pandas-table.h5", {"index": raw("Int64", k), "values_block_0": vector}, key="index", format="HDF5, compound layout (index, values_block_0)")

    named = pd.DataFrame(v[:, :2], columns=["a", "b"])
    named["s"] = "x"
    usual = tables.File.create_vlarray  # whose chunks alone take 1 MiB
    tables.File.create_vlarray = lambda *args, **kw: usual(*args, chunkshape=16, **kw)
    store("pandas-objects.h5", named)
    refused("pandas-objects.h5", "Unsupported", "Python objects", "s")
    dated = pd.DataFrame(v[:, :2], columns=["a", "b"])
    dated["t"] = pd.Timestamp("2021-01-01")
    store("pandas-dates.h5", dated)
    refused("pandas-dates.h5", "Unsupported", "columns t", "datetime64")
    store("pandas-empty.h5", pd.DataFrame(v)[:0])
    refused("pandas-empty.h5", "Corrupt", "no rows")
    store("pandas-series.h5", pd.Series(v[:, 0]))
    refused("pandas-series.h5", "Unsupported", "series of pandas")
    multi = pd.DataFrame(v, columns=pd.MultiIndex.from_product([list("ab"), range(DIM // 2)]))
    store("pandas-multi.h5", multi)
    refused("pandas-multi.h5", "Unsupported", "MultiIndex")


def write_manifest(name):
    for c in cases:  # names that Python has for itself, or that are said twice above
        j = c["job"]
        if "slice" in j:
            j["rows"] = j.pop("slice")
        if "key_name" in j:
            j["key"] = j.pop("key_name")
        if "key_none" in j:
            del j["key_none"]
            j["key"] = "none"
    with open(os.path.join(HERE, name), "w") as f:
        json.dump(cases, f, indent=1, ensure_ascii=False)
        f.write("\n")


if __name__ == "__main__":
    for write in (milvusdm, ann, group, compound, pandas_frames):
        write()
    write_manifest("manifest.json")
