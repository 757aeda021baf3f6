"""pymilvus as a peer that shares no code with the program.

peer.py write ADDRESS COLLECTION   makes a collection of every type that pymilvus knows and inserts rows
peer.py check ADDRESS COLLECTION   reads it and fails unless it holds just these rows, value by value
peer.py dump  ADDRESS COLLECTION...   prints for each collection, one a line, a JSON array of its rows, as canonical() writes values
peer.py same  ADDRESS COLLECTION ADDRESS COLLECTION   fails unless both are described alike
"""

import json
import random
import struct
import sys

import numpy
from pymilvus import DataType, Function, FunctionType, MilvusClient

ROWS = 40
DIM = 8
DENORMAL = struct.unpack("<f", b"\1\0\0\0")[0]  # the least float32 above 0
TEXTS = ["", " ", '"', "\\", "'", "line\r\n\ttab", "中文 \\u4e2d", "👩‍👩‍👧", "x" * 128]
FLOATS = [0.0, -0.0, DENORMAL, -2.5, 3.4028234663852886e38, 0.5]
DOUBLES = [0.0, -0.0, 5e-324, -1.7976931348623157e308, 0.1]
OBJECTS = [{}, {"a": {"b": [1, 2.5, None, {"c": []}]}}, {"n": 9007199254740993, "中": '"\\\n'}]

SCALARS = {  # values of each type, and its default
    DataType.BOOL: ([True, False], True),
    DataType.INT8: ([-128, 127, 0], numpy.int8(7)),
    DataType.INT16: ([-32768, 32767, 0], numpy.int16(7)),
    DataType.INT32: ([-(2**31), 2**31 - 1, 0], numpy.int32(7)),
    DataType.INT64: ([-(2**63), 2**63 - 1, 2**53 + 1], numpy.int64(7)),
    DataType.FLOAT: (FLOATS, numpy.float32(1.5)),
    DataType.DOUBLE: (DOUBLES, numpy.float64(0.1)),
    DataType.VARCHAR: (TEXTS, 'für "alle"'),
    DataType.JSON: (OBJECTS, None),
    DataType.GEOMETRY: (["POINT (1 2)", "LINESTRING (0 0, 1 1)"], None),
    DataType.TIMESTAMPTZ: (["2025-01-02T03:04:05.000006Z", "1969-12-31T23:59:59Z"], None),
}
ELEMENTS = [t for t in SCALARS if t not in (DataType.JSON, DataType.GEOMETRY, DataType.TIMESTAMPTZ)]
VECTORS = [
    DataType.FLOAT_VECTOR,
    DataType.BINARY_VECTOR,
    DataType.FLOAT16_VECTOR,
    DataType.BFLOAT16_VECTOR,
    DataType.SPARSE_FLOAT_VECTOR,
    DataType.INT8_VECTOR,
]


def vector(kind, rng):
    if kind == DataType.FLOAT_VECTOR:
        return [float(numpy.float32(rng.choice(FLOATS[:4]) if rng.random() < 0.3 else rng.uniform(-9, 9))) for _ in range(DIM)]
    if kind == DataType.SPARSE_FLOAT_VECTOR:
        return {rng.randrange(2**32 - 1): float(numpy.float32(rng.uniform(0.1, 9))) for _ in range(rng.randint(1, 5))}
    if kind == DataType.INT8_VECTOR:
        return numpy.array([rng.randint(-128, 127) for _ in range(DIM)], dtype=numpy.int8)
    if kind == DataType.BINARY_VECTOR:
        return rng.randbytes(DIM // 8)
    # halves without NaN and infinity: the highest bit of the exponent is not set
    return struct.pack(f"<{DIM}H", *(rng.getrandbits(16) & ~0x4000 for _ in range(DIM)))


def name(kind, trait):
    return f"{kind.name.lower()}_{trait}"


def fields():
    """Yields (name, arguments of add_field, value(rng), value where none is given) of every field."""
    for kind, (values, default) in SCALARS.items():
        more = {"max_length": 128} if kind == DataType.VARCHAR else {}
        pick = lambda rng, values=values: rng.choice(values)
        yield name(kind, "plain"), {"datatype": kind, **more}, pick, None
        yield name(kind, "nullable"), {"datatype": kind, "nullable": True, **more}, pick, None
        if default is not None:
            yield name(kind, "default"), {"datatype": kind, "default_value": default, **more}, pick, default
    for kind in ELEMENTS:
        values = SCALARS[kind][0]
        more = {"max_length": 128} if kind == DataType.VARCHAR else {}
        arguments = {"datatype": DataType.ARRAY, "element_type": kind, "max_capacity": 6, **more}
        pick = lambda rng, values=values: [rng.choice(values) for _ in range(rng.choice([0, 1, 6]))]
        yield f"array_{name(kind, 'plain')}", arguments, pick, None
        yield f"array_{name(kind, 'nullable')}", {**arguments, "nullable": True}, pick, None
    for kind in VECTORS:
        more = {} if kind == DataType.SPARSE_FLOAT_VECTOR else {"dim": DIM}
        pick = lambda rng, kind=kind: vector(kind, rng)
        yield name(kind, "plain"), {"datatype": kind, **more}, pick, None
        yield name(kind, "nullable"), {"datatype": kind, "nullable": True, **more}, pick, None


def rows():
    """Returns the rows as they are written and as they are to be read."""
    rng = random.Random(1)
    written, read = [], []
    for i in range(ROWS):
        row = {"id": f"{TEXTS[i % len(TEXTS)]}{i}", "words": "to be or not", "some": i, "dynamic": rng.choice(OBJECTS)}
        whole = dict(row)
        for field, arguments, pick, otherwise in fields():
            optional = "nullable" in arguments or "default_value" in arguments
            value = None if optional and i % 3 == 1 else pick(rng)
            row[field], whole[field] = value, otherwise if value is None else value
        row["clips"] = whole["clips"] = [
            {"start": rng.choice([-(2**63), 0, 2**63 - 1]), "text": rng.choice(TEXTS), "scene": vector(DataType.FLOAT_VECTOR, rng)}
            for _ in range(i % 4)
        ]
        written.append(row)
        read.append(whole)
    return written, read


def write(client, collection):
    schema = client.create_schema(enable_dynamic_field=True, description="of pymilvus")
    schema.add_field("id", DataType.VARCHAR, is_primary=True, max_length=200)
    schema.add_field("words", DataType.VARCHAR, max_length=100, enable_analyzer=True, description="for BM25")
    schema.add_field("bm25", DataType.SPARSE_FLOAT_VECTOR)
    schema.add_function(Function("bm25_of_words", FunctionType.BM25, ["words"], ["bm25"]))
    for field, arguments, _, _ in fields():
        schema.add_field(field, **arguments)
    clip = client.create_struct_field_schema()
    clip.add_field("start", DataType.INT64)
    clip.add_field("text", DataType.VARCHAR, max_length=128)
    clip.add_field("scene", DataType.FLOAT_VECTOR, dim=DIM)
    schema.add_field("clips", DataType.ARRAY, element_type=DataType.STRUCT, struct_schema=clip, max_capacity=10)
    index = client.prepare_index_params()
    index.add_index("bm25", index_type="SPARSE_INVERTED_INDEX", metric_type="BM25", params={"bm25_k1": 1.2})
    index.add_index("clips[scene]", index_name="scenes", index_type="HNSW", metric_type="MAX_SIM_COSINE", params={"M": 16})
    index.add_index("varchar_plain", index_name="by_text", index_type="INVERTED")
    for kind in VECTORS:
        metric = {DataType.BINARY_VECTOR: "HAMMING", DataType.SPARSE_FLOAT_VECTOR: "IP"}.get(kind, "COSINE")
        index_type = {DataType.BINARY_VECTOR: "BIN_FLAT", DataType.SPARSE_FLOAT_VECTOR: "SPARSE_INVERTED_INDEX"}.get(kind, "HNSW")
        for trait in ("plain", "nullable"):
            index.add_index(name(kind, trait), index_type=index_type, metric_type=metric)
    client.create_collection(collection, schema=schema, index_params=index, consistency_level="Strong", num_shards=2,
                             properties={"mmap.enabled": "true"})
    client.create_alias(collection, collection + "_alias")
    client.insert(collection, rows()[0])


def canonical(value):
    """Writes a value so that no digit and no type is lost."""
    if isinstance(value, numpy.ndarray):
        value = value.tobytes()
    if isinstance(value, numpy.generic):
        value = value.item()
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int):
        return f"i{value}"
    if isinstance(value, float):
        return "f" + struct.pack(">d", value).hex()
    if isinstance(value, str):
        return "s" + value
    if isinstance(value, bytes):
        return "x" + value.hex()
    if isinstance(value, dict):
        return {str(k): canonical(v) for k, v in value.items()}
    value = list(value)
    if len(value) == 1 and isinstance(value[0], bytes):
        return canonical(value[0])
    return [canonical(v) for v in value]


def query(client, collection):
    return [{k: canonical(v) for k, v in row.items()} for row in client.query(collection, filter="", output_fields=["*"], limit=10000)]


def check(client, collection):
    got = {row["id"]: row for row in query(client, collection)}
    want = {canonical(row["id"]): {k: canonical(v) for k, v in row.items()} for row in rows()[1]}
    wrong = [f"keys {sorted(got.keys() ^ want.keys())} are on one side only"] if got.keys() != want.keys() else []
    for key in got.keys() & want.keys():
        for field in got[key].keys() | want[key].keys():
            a, b = got[key].get(field, "missing"), want[key].get(field, "missing")
            if a != b:
                wrong.append(f"{key} {field}: {a}, want {b}")
    return wrong


def described(client, collection):
    out = client.describe_collection(collection)
    for key in ("collection_name", "collection_id", "aliases", "created_timestamp", "update_timestamp", "schema_version"):
        out.pop(key, None)
    out["properties"] = {k: v for k, v in out["properties"].items() if not k.startswith("milvusdm.")}
    out["indexes"] = [client.describe_index(collection, index) for index in sorted(client.list_indexes(collection))]
    return json.loads(json.dumps(out, default=str, sort_keys=True))


def main(command, *arguments):
    if command == "dump":
        client = MilvusClient(uri="http://" + arguments[0])
        for collection in arguments[1:]:
            print(json.dumps(query(client, collection)))
        return 0
    places = [(MilvusClient(uri="http://" + arguments[i]), arguments[i + 1]) for i in range(0, len(arguments), 2)]
    wrong = []
    if command == "write":
        write(*places[0])
    elif command == "check":
        wrong = check(*places[0])
    elif command == "same":
        a, b = (described(*place) for place in places)
        wrong = [f"{key}: {a.get(key)} and {b.get(key)}" for key in sorted(a.keys() | b.keys()) if a.get(key) != b.get(key)]
    else:
        raise SystemExit(__doc__)
    for line in wrong[:20]:
        print(line)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
