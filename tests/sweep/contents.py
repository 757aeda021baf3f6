"""contents.py ADDRESS COLLECTION [PARTITION] prints what users of pymilvus find there: how many rows by count(*), how many by
their keys, and the SHA-256 of the rows in key order, each its Int64 key and its float32 vector, little-endian."""
import hashlib
import struct
import sys

from pymilvus import MilvusClient

client = MilvusClient(uri="http://" + sys.argv[1])
name, partitions = sys.argv[2], sys.argv[3:]
where = {"collection_name": name, "partition_names": partitions, "consistency_level": "Strong"}
count = client.query(filter="", output_fields=["count(*)"], **where)[0]["count(*)"]
sha, found, last = hashlib.sha256(), 0, -(1 << 62)
while True:
    page = client.query(filter=f"id > {last}", output_fields=["id", "embedding"], limit=16384, **where)
    if not page:
        break
    page.sort(key=lambda row: row["id"])
    for row in page:
        sha.update(struct.pack("<q", row["id"]))
        sha.update(struct.pack(f"<{len(row['embedding'])}f", *row["embedding"]))
    found, last = found + len(page), page[-1]["id"]
print(count, found, sha.hexdigest())
