"""contents.py ADDRESS COLLECTION [PARTITION] prints what users of pymilvus find there: how many rows by count(*), how many by
their keys, the SHA-256 of the rows in key order, each its Int64 key and its float32 vector, little-endian, and how many rows
each tenant finds, where the collection has tenants."""
import hashlib
import struct
import sys

from pymilvus import MilvusClient

client = MilvusClient(uri="http://" + sys.argv[1])
name, partitions = sys.argv[2], sys.argv[3:]
where = {"collection_name": name, "partition_names": partitions, "consistency_level": "Strong"}
tenant = [field["name"] for field in client.describe_collection(name)["fields"] if field["name"] == "tenant"]
sha, found, last, tenants = hashlib.sha256(), 0, -(1 << 62), set()


def count(condition):
    return client.query(filter=condition, output_fields=["count(*)"], **where)[0]["count(*)"]


while True:
    page = client.query(filter=f"id > {last}", output_fields=["id", "embedding"] + tenant, limit=16384, **where)
    if not page:
        break
    page.sort(key=lambda row: row["id"])
    for row in page:
        sha.update(struct.pack("<q", row["id"]))
        tenants.update(row[field] for field in tenant)
        sha.update(struct.pack(f"<{len(row['embedding'])}f", *row["embedding"]))
    found, last = found + len(page), page[-1]["id"]
print(count(""), found, sha.hexdigest(), *[count(f"tenant == {t}") for t in sorted(tenants)])
