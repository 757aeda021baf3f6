#!/usr/bin/env python3
"""Writes the files found-* of this directory, of the shapes that people's own programs give, and found.json, which says what each
of them holds, as manifest.json does.

    python3 -m venv venv && venv/bin/pip install -r requirements.txt && venv/bin/python generate_found.py

A file of a newer HDF5 than the worker's is written by another h5py: pip install h5py==3.16.0, python generate_found.py newer
"""
import os
import sys
import warnings

import h5py
import numpy as np

HERE = os.path.dirname(os.path.abspath(__file__))
ROWS, DIM = 50, 16


def newer():
    rng = np.random.default_rng(1)
    with h5py.File(os.path.join(HERE, "found-newer.h5"), "w", libver="latest") as f:
        f.create_dataset("embeddings", data=rng.standard_normal((ROWS, DIM)).astype("f4"), chunks=(20, DIM), compression="gzip")


if sys.argv[1:] == ["newer"]:
    newer()
    sys.exit()

import pandas as pd  # noqa: E402
import xarray as xr  # noqa: E402

from generate import cases, case, floats, ids, open_new, raw, refused, texts, write_manifest  # noqa: E402

NUMBERS = raw("Int64", range(ROWS))


def matrix(v):
    return raw("FloatVector", v, v.shape[1])


def sparse():
    rng = np.random.default_rng(2)
    sizes = rng.integers(2, 9, ROWS).astype("i4")
    items = rng.integers(0, 500, int(sizes.sum())).astype("i4")
    for name, marks in (("attribute", {"type": "sparse", "distance": "jaccard"}), ("sizes", {"distance": "jaccard"})):
        with open_new(f"found-sparse-{name}.h5") as f:
            f["train"] = items
            f["distances"] = floats(dim=10, rows=4)
            f.attrs.update(marks)
            if name == "sizes":
                f["size_train"] = sizes
        for job in ({}, {"vector": "FloatVector"}, {"layout": "ann-benchmarks"}, {"layout": "group"}, {"layout": "milvusdm", "object": "/train"},
                    {"layout": "objects", "object": "/train"}):
            refused(f"found-sparse-{name}.h5", "Unsupported", "/train holds sets", **job)


def matlab():
    v, k = floats("f8"), np.random.default_rng(3).permutation(ROWS) * 7
    mark = b"MATLAB 7.3 MAT-file, Platform: GLNXA64, Created on: Thu Jan  1 00:00:00 1970 HDF5 schema 1.00 ."

    def save(name, marked=True, **variables):
        with open_new(name, userblock_size=512) as f:
            for field, (data, kind) in variables.items():
                d = f.create_dataset(field, data=data, chunks=data.shape if data.size > 64 else None, compression="gzip" if data.size > 64 else None)
                d.attrs["MATLAB_class"] = np.bytes_(kind)
        if marked:
            with open(os.path.join(HERE, name), "r+b") as f:
                f.write(mark.ljust(128, b" "))

    columns = {"embeddings": (v.T.copy(), "double"), "id": (k.astype("f8")[None, :], "double"),
               "label": (np.arange(ROWS, dtype="u1")[None, :], "uint8"), "good": ((np.arange(ROWS) % 2).astype("u1")[:, None], "logical")}
    wanted = {"id": raw("Int64", k), "embeddings": matrix(v.astype("f4")), "label": raw("Int16", np.arange(ROWS)),
              "good": raw("Bool", np.arange(ROWS) % 2 == 1)}
    save("found-matlab.mat", title=(np.frombuffer("titel".encode("utf-16le"), "u2")[:, None], "char"), **columns)
    case("found-matlab.mat", wanted, notes=["not copied: title: text of MATLAB", "float64 is converted"])
    save("found-matlab-unmarked.mat", marked=False, **columns)
    case("found-matlab-unmarked.mat", wanted)
    halves = k.astype("f8")
    halves[9] += 0.5
    save("found-matlab-halves.mat", embeddings=columns["embeddings"], id=(halves[None, :], "double"))
    refused("found-matlab-halves.mat", "Corrupt", "row 9 of /id", "no whole number")
    save("found-matlab-list.mat", embeddings=(np.arange(48, dtype="f8")[:, None], "double"))
    refused("found-matlab-list.mat", "Unsupported", "single number in each of 48 rows")


def single_vectors():
    v = floats()
    with open_new("found-one-vector.h5") as f:
        f["embedding"] = v.ravel()[:48]
    for job in ({"layout": "group"}, {"object": "/embedding", "vector": "FloatVector"}):
        refused("found-one-vector.h5", "Config" if job.get("layout") else "Unsupported", "layout: objects", **job)
    case("found-one-vector.h5", {"id": texts("VarChar", ["embedding"]), "embedding": raw("FloatVector", v.ravel()[:48], 48)}, rows=1, layout="objects")
    with open_new("found-one-row.h5") as f:
        f["embeddings"] = v[:1]
    case("found-one-row.h5", {"id": raw("Int64", [0]), "embedding": matrix(v[:1])}, rows=1, generated=True)


def names():
    v, k = floats(), ids()
    with open_new("found-names.h5") as f:
        f["ключ"], f["image-embedding"], f["2d"] = k, v, np.arange(ROWS, dtype="i4")
    said = ['field "image-embedding" is called image_embedding', 'field "2d" is called _2d']
    numbers = raw("Int32", np.arange(ROWS))
    case("found-names.h5", {"____": raw("Int64", k), "image_embedding": matrix(v), "_2d": numbers}, key="____", key_name="ключ", notes=said)
    case("found-names.h5", {"doc": raw("Int64", k), "v": matrix(v), "_2d": numbers}, key="doc", key_name="ключ",
         renameFields={"ключ": "doc", "image-embedding": "v"})
    case("found-names.h5", {"id": NUMBERS, "image_embedding": matrix(v)}, generated=True, Fields=["image-embedding"])
    case("found-names.h5", {"id": NUMBERS, "image_embedding": matrix(v), "____": raw("Int64", k)}, generated=True, **{"except": ["2d"]})
    refused("found-names.h5", "Config", "source.hdf5.fields names \"vector\"", "image-embedding", Fields=["vector"])
    refused("found-names.h5", "Config", "source.hdf5.except names \"vector\"", **{"except": ["vector"]})
    refused("found-names.h5", "Config", "source.hdf5.rename_fields names \"vector\"", renameFields={"vector": "v"})
    with open_new("found-same-names.h5") as f:
        f["a-b"], f["a_b"], f["vec"] = k, k, v
    refused("found-same-names.h5", "Config", "/a-b and /a_b would both be field \"a_b\"", "source.hdf5.rename_fields")
    case("found-same-names.h5", {"id": NUMBERS, "vec": matrix(v), "a": raw("Int64", k), "a_b": raw("Int64", k)}, generated=True, renameFields={"a-b": "a"})


def dimensions():
    long = np.zeros((3, 32769), "f4")
    with open_new("found-long-train.h5") as f:
        f.create_dataset("train", data=long, compression="gzip")
    refused("found-long-train.h5", "Unsupported", "dimension 32769", "32768")
    with open_new("found-long-beside.h5") as f:
        f.create_dataset("conv", data=long, compression="gzip")
        f["vec"] = floats(rows=3)
    refused("found-long-beside.h5", "Unsupported", "dimension 32769", "source.hdf5.except: [conv]")


def left_out():
    v, k = floats(), ids()
    plain = {"id": raw("Int64", k), "vec": matrix(v)}

    def beside(name, notes, add, **job):
        with open_new(name) as f:
            f["vec"], f["id"] = v, k
            add(f)
        case(name, plain, notes=notes, **job)

    beside("found-scalars.h5", ["version: a single value", "nothing: a single value", "model: a single value"],
           lambda f: f.update({"version": 3, "model": "bert", "nothing": h5py.Empty("f4")}))
    levels = h5py.enum_dtype({"train": 0, "test": 1}, basetype="i4")
    beside("found-enum.h5", ["split: of a type that is not read: enumeration"],
           lambda f: f.create_dataset("split", data=np.arange(ROWS) % 2, dtype=levels, chunks=(ROWS,), compression="gzip"))
    beside("found-reference.h5", ["of a type that is not read: reference"],
           lambda f: f.create_dataset("refs", data=[f["vec"].ref] * ROWS, dtype=h5py.ref_dtype))
    beside("found-opaque.h5", ["when: of a type that is not read: opaque bytes"],
           lambda f: f.create_dataset("when", data=np.arange(ROWS).astype("M8[s]").astype(h5py.opaque_dtype("M8[s]"))))
    beside("found-ragged.h5", ["tokens: of a type that is no field"],
           lambda f: f.create_dataset("tokens", data=np.array([np.arange(i % 5, dtype="i4") for i in range(ROWS)], dtype=object), dtype=h5py.vlen_dtype("i4")))
    beside("found-names-of-classes.h5", ["classes: of 10 rows and not 50", "meta: a group"],
           lambda f: (f.create_dataset("classes", data=[f"c{i}" for i in range(10)]), f.create_group("meta")))
    with open_new("found-two-lengths.h5") as f:
        f["train_x"], f["test_x"] = v, v[:7]
    refused("found-two-lengths.h5", "Config", "different numbers of rows", "source.hdf5.object: /train_x")
    with open_new("found-lzf-beside.h5") as f:
        f["vec"] = v
        f.create_dataset("raw", data=v, compression="lzf")
    refused("found-lzf-beside.h5", "Unsupported", "LZF", "source.hdf5.except: [raw]")
    case("found-lzf-beside.h5", {"id": NUMBERS, "vec": matrix(v)}, generated=True, **{"except": ["raw"]})


def frames():
    v = floats()

    def store(name, frame):
        path = os.path.join(HERE, name)
        if os.path.exists(path):
            os.remove(path)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            frame.to_hdf(path, key="df", format="fixed")

    named = [f"doc-{i:03}" for i in range(ROWS)]
    store("found-frame-names.h5", pd.DataFrame(v, index=named))
    index = texts("VarChar", named, 7)
    case("found-frame-names.h5", {"id": NUMBERS, "index": index, "embedding": matrix(v)}, generated=True, notes=["the index holds strings", "row numbers"])
    case("found-frame-names.h5", {"id": index, "embedding": matrix(v)}, key_name="index")
    case("found-frame-names.h5", {"id": NUMBERS, "embedding": matrix(v)}, generated=True, **{"except": ["index"]})
    case("found-frame-names.h5", {"doc": index, "embedding": matrix(v)}, key="doc", key_name="index", keyField="doc")
    store("found-frame-dates.h5", pd.DataFrame(v, index=pd.date_range("2021-01-01", periods=ROWS)))
    case("found-frame-dates.h5", {"id": NUMBERS, "embedding": matrix(v)}, generated=True, notes=["not copied: the index (/df/axis1): of datetime64"])
    wide = pd.DataFrame(v, columns=[f"c{i}" for i in range(DIM)])
    case_fields = {"id": NUMBERS, "embedding": matrix(v[:, [2, 1]]), "c3": raw("Float", v[:, 3])}
    store("found-frame-columns.h5", wide)
    case("found-frame-columns.h5", case_fields, key_name="none", generated=True, vectorColumns=["c2", "c1"], Fields=["c3"])


def netcdf():
    v, k = floats(), np.arange(ROWS) * 3
    def save(name, **kw):
        path = os.path.join(HERE, name)
        xr.Dataset(**kw).to_netcdf(path, format="NETCDF4", engine="netcdf4")
    save("found-netcdf.nc", data_vars={"embedding": (("item", "feature"), v), "title": ("item", [f"t{i}" for i in range(ROWS)])}, coords={"item": k})
    wanted = {"item": raw("Int64", k), "embedding": matrix(v), "title": texts("VarChar", [f"t{i}" for i in range(ROWS)])}
    case("found-netcdf.nc", wanted, key="item", key_name="item", notes=["feature: a dimension of netCDF"])
    save("found-netcdf-coordinates.nc", data_vars={"embedding": (("item", "feature"), v)}, coords={"item": k, "feature": np.arange(DIM)})
    case("found-netcdf-coordinates.nc", {n: wanted[n] for n in ("item", "embedding")}, key="item", key_name="item", notes=["feature: of 16 rows and not 50"])
    packed = xr.Dataset({"embedding": (("item", "feature"), v), "vec": (("item", "feature"), v)})
    packed.to_netcdf(os.path.join(HERE, "found-netcdf-packed.nc"), engine="netcdf4", encoding={"embedding": {"dtype": "i2", "scale_factor": 0.001, "_FillValue": -1}})
    case("found-netcdf-packed.nc", {"id": NUMBERS, "vec": matrix(v)}, generated=True, notes=["embedding: packed numbers"])
    refused("found-netcdf-packed.nc", "Unsupported", "packed numbers", object="/embedding", vector="FloatVector")


def newer_format():
    refused("found-newer.h5", "Unsupported", "newer format", "libver")


def objects():
    v = floats()
    named = [f"Q{i:03}" for i in range(ROWS)]
    keyed = {"id": texts("VarChar", named), "embedding": matrix(v)}

    def write(name, shape, dtype="f4", data=v, keys=named, **more):
        with open_new(name) as f:
            for key, row in zip(keys, data):
                f[shape.replace("*", key)] = row.astype(dtype)
            for key, value in more.items():
                f[key] = value

    write("found-objects.h5", "*")
    case("found-objects.h5", keyed, format="HDF5, objects layout (50 vectors, Q000 to Q049)")
    case("found-objects.h5", {"id": NUMBERS, "embedding": matrix(v)}, generated=True, key_name="none")
    case("found-objects.h5", {"id": raw("Int64", range(700, 700 + ROWS)), "embedding": matrix(v)}, generated=True, key_name="none", keyOffset="700")
    case("found-objects.h5", {"doc": keyed["id"], "vec": keyed["embedding"]}, key="doc", keyField="doc", vectorField="vec")
    with open_new("found-objects-rows.h5") as f:
        for key, row in zip(named[:3], v):
            f.create_dataset(key, data=row[None, :], chunks=(1, 8), compression="gzip")
    case("found-objects-rows.h5", {"id": texts("VarChar", named[:3]), "embedding": matrix(v[:3])}, rows=3)
    write("found-objects-groups.h5", "speakers/*/xvector")
    case("found-objects-groups.h5", keyed)
    half = v[:4].astype("f2")
    write("found-objects-half.h5", "*", "f2", v[:4])
    case("found-objects-half.h5", {"id": texts("VarChar", named[:4]), "embedding": matrix(half.astype("f4"))}, rows=4)
    write("found-columns.h5", "*", keys=["x", "y", "z"], data=v.T[:3])
    refused("found-columns.h5", "Config", "holds no vectors", "source.hdf5.layout: objects", "source.hdf5.vector_columns: [x, \"y\", z]")
    case("found-columns.h5", {"id": NUMBERS, "embedding": matrix(v[:, [2, 0, 1]])}, generated=True, vectorColumns=["z", "x", "y"])
    write("found-objects-odd.h5", "*", mean=np.zeros(3))
    refused("found-objects-odd.h5", "Config", "source.hdf5.except: [mean]", layout="objects")
    case("found-objects-odd.h5", keyed, layout="objects", **{"except": ["mean"]})
    write("found-objects-ragged.h5", "*", data=[v[0], v[1][:9]], keys=named[:2])
    refused("found-objects-ragged.h5", "Config", "/Q000 (16 float32) and /Q001 (9 float32), which differ", layout="objects")


def links():
    v = floats()
    with open_new("found-cycle-soft.h5") as f:
        f.create_group("a/b")["back"] = h5py.SoftLink("/a")
    refused("found-cycle-soft.h5", "Config", "holds itself")
    with open_new("found-cycle-external.h5") as f:
        f["a"] = h5py.ExternalLink("found-cycle-external.h5", "/a")
    refused("found-cycle-external.h5", "Unsupported", "link into another file")
    with open_new("found-cycle-beside.h5") as f:
        f["model"] = f["/"]
        f["vec"] = v
    case("found-cycle-beside.h5", {"id": NUMBERS, "vec": matrix(v)}, generated=True, notes=["model: a group"])
    for name, depth in (("deep", 40), ("too-deep", 150)):
        with open_new(f"found-{name}.h5", libver="v110") as f:
            f["/".join(["g"] * depth) + "/embeddings"] = v
    case("found-deep.h5", {"id": NUMBERS, "embedding": matrix(v)}, generated=True)
    refused("found-too-deep.h5", "Unsupported", "more than 100 deep", "source.hdf5.object")
    case("found-too-deep.h5", {"id": NUMBERS, "embedding": matrix(v)}, generated=True, object="/".join(["g"] * 150))


def interrupted():
    v, k = floats(), ids()
    with open_new("found-interrupted.h5") as f:
        d = f.create_dataset("embeddings", (ROWS, DIM), "f4", chunks=(8, 10))
        d[:24] = v[:24]
        f.create_dataset("ids", data=k)
    refused("found-interrupted.h5", "Corrupt", "only 6 of its 14 chunks", "source.hdf5.rows: {first: 0, count: 24}")
    refused("found-interrupted.h5", "Corrupt", "source.hdf5.rows: {first: 4, count: 20}", slice={"first": 4})
    refused("found-interrupted.h5", "Corrupt", "only 6 of its 14 chunks", slice={"first": 0, "count": 25})
    case("found-interrupted.h5", {"id": raw("Int64", k[:24]), "embedding": matrix(v[:24])}, rows=24, slice={"first": 0, "count": 24})
    with open_new("found-interrupted-group.h5") as f:
        f["vec"] = v
        f.create_dataset("n", (ROWS,), "i4", chunks=(10,))[:30] = np.arange(30)
    case("found-interrupted-group.h5", {"id": raw("Int64", range(30)), "vec": matrix(v[:30]), "n": raw("Int32", range(30))}, rows=30,
         slice={"first": 0, "count": 30}, generated=True)
    refused("found-interrupted-group.h5", "Corrupt", "/n (50 int32): only 3 of its 5 chunks")


def text_vectors():
    v = floats()
    lines = [", ".join(f"{x:.4f}" for x in row) for row in v]
    with open_new("found-text-lines.h5") as f:
        f["embeddings"] = np.array([" ".join(t.split(", ")) for t in lines], "S200")
    refused("found-text-lines.h5", "Unsupported", "/embeddings holds text and no numbers")
    with open_new("found-text-variable.h5") as f:
        f.create_dataset("embeddings", data=[f"[{t}]" for t in lines], dtype=h5py.string_dtype())
    for job in ({}, {"vector": "BinaryVector"}):
        refused("found-text-variable.h5", "Unsupported", "/embeddings holds text and no numbers", **job)
    with open_new("found-text-bytes.h5") as f:
        f["embeddings"] = np.array([f"[{t}]" for t in lines], "S200").view("u1").reshape(ROWS, 200)
    refused("found-text-bytes.h5", "Unsupported", "/embeddings holds text and no numbers")


def columns():
    v = floats()
    record = np.dtype([("name", "S5")] + [(f"x{i}", "<f4") for i in range(12)] + [("n", "<i2"), ("w", "<f8")])
    rows = np.zeros(ROWS, record)
    rows["name"] = [f"r{i:03}".encode() for i in range(ROWS)]
    rows["n"], rows["w"] = np.arange(ROWS), v[:, 15]
    for i in range(12):
        rows[f"x{i}"] = v[:, i]
    with open_new("found-table.h5") as f:
        f["rows"] = rows
    key = texts("VarChar", [f"r{i:03}" for i in range(ROWS)], 5)
    case("found-table.h5", {"name": key, "n": raw("Int16", np.arange(ROWS)), "w": raw("Double", v[:, 15].astype("f8")), "embedding": matrix(v[:, :12])},
         key="name", key_name="name", vectorColumns=["x*"], notes=["12 columns are the vector: x0, x1, ..., x11"])
    case("found-table.h5", {"id": NUMBERS, "embedding": matrix(v[:, [15, 0]])}, generated=True, vectorColumns=["w", "x0"], Fields=["x0"])
    refused("found-table.h5", "Config", "holds no vectors", "source.hdf5.vector_columns")
    refused("found-table.h5", "Config", "holds string of 5 bytes and not one number", vectorColumns=["x*", "name"])
    refused("found-table.h5", "Config", "which is no column", vectorColumns=["y*"])
    with open_new("found-columns-many.h5") as f:
        for i in range(12):
            f.create_dataset(f"x{i}", data=v[:, i], chunks=(7,), compression="gzip")
        f["label"] = np.arange(ROWS)
    case("found-columns-many.h5", {"id": NUMBERS, "label": raw("Int64", range(ROWS)), "embedding": matrix(v[:, :12])}, generated=True, vectorColumns=["x*"])


def string_keys():
    v = floats()
    names = [f"10.1000/{i}" for i in range(ROWS)]
    key = texts("VarChar", names)
    with open_new("found-string-ids.h5") as f:
        f["embeddings"] = v
        f.create_dataset("ids", data=names, dtype=h5py.string_dtype())
    case("found-string-ids.h5", {"id": key, "embedding": matrix(v)})
    case("found-string-ids.h5", {"id": NUMBERS, "embedding": matrix(v)}, generated=True, key_name="none")
    with open_new("found-string-key.h5") as f:
        f["vec"], f["doi"] = v, np.array(names, "S12")
    case("found-string-key.h5", {"doi": texts("VarChar", names, 12), "vec": matrix(v)}, key="doi", key_name="doi")
    refused("found-string-key.h5", "Config", "source.hdf5.key_offset is for rows that are numbered", key_name="doi", keyOffset="5")


for write in (sparse, matlab, single_vectors, names, dimensions, left_out, frames, netcdf, newer_format, objects, links, interrupted, text_vectors,
              columns, string_keys):
    write()
write_manifest("found.json")
