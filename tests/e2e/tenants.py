"""tenants.py ADDRESS COLLECTION FIRST LAST: what users of pymilvus find in a collection with keys FIRST to LAST, whose partition
key is the field tenant: a line for each tenant, its rows by a query for the tenant and the SHA-256 of those rows in key order."""
import hashlib
import sys

from pymilvus import MilvusClient

client = MilvusClient(uri="http://" + sys.argv[1])
name, first, last = sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
where = {"collection_name": name, "consistency_level": "Strong"}
fields = ["id", "tenant", "bits"]
rows = client.query(filter=f"id >= {first} && id <= {last}", output_fields=fields, limit=16384, **where)
print("by key", len(rows), "by count(*)", client.query(filter="", output_fields=["count(*)"], **where)[0]["count(*)"])
for tenant in sorted({row["tenant"] for row in rows}):
    own = client.query(filter=f'tenant == "{tenant}"', output_fields=fields, limit=16384, **where)
    own.sort(key=lambda row: row["id"])
    sha = hashlib.sha256(repr([(row["id"], row["bits"]) for row in own]).encode()).hexdigest()
    counted = client.query(filter=f'tenant == "{tenant}"', output_fields=["count(*)"], **where)[0]["count(*)"]
    print(tenant, counted, sha)
