"""What h5py does, for comparison.

  read FILE ROWS               reads embeddings and ids in slices of ROWS rows; prints the seconds that it took
  compress FROM TO auto|ROWS   copies a file with gzip 4 and shuffle, in h5py's own chunks or in chunks of ROWS rows
"""
import sys
import time

import h5py


def read(path, rows):
    start = time.perf_counter()
    with h5py.File(path, "r") as f:
        embeddings, ids = f["embeddings"], f["ids"]
        for first in range(0, len(ids), rows):
            embeddings[first:first + rows]
            ids[first:first + rows]
    print(time.perf_counter() - start)


def compress(source, target, chunk):
    with h5py.File(source, "r") as f, h5py.File(target, "w") as g:
        for name in ("embeddings", "ids"):
            d = f[name]
            chunks = True if chunk == "auto" else (int(chunk), *d.shape[1:])
            new = g.create_dataset(name, d.shape, d.dtype, chunks=chunks, compression="gzip", compression_opts=4, shuffle=True)
            step = 16 * new.chunks[0]
            for first in range(0, len(d), step):
                new[first:first + step] = d[first:first + step]


if sys.argv[1] == "read":
    read(sys.argv[2], int(sys.argv[3]))
elif sys.argv[1] == "compress":
    compress(sys.argv[2], sys.argv[3], sys.argv[4])
