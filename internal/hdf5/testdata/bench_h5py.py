#!/usr/bin/env python3
"""Writes the files that BenchmarkRead reads, or measures how fast h5py reads them.

    bench_h5py.py write DIR    writes contiguous.h5 and gzip.h5, unless they are there
    bench_h5py.py read DIR     prints one line a file: its name, MB/s and MB a second of CPU time, the best of five passes
    bench_h5py.py compare DIR  writes as BenchmarkWrite does, and prints the same
"""
import collections
import os
import sys
import time

import h5py
import numpy as np

ROWS, DIM, BATCH = 500_000, 128, 8_000
FILES = {"contiguous.h5": {}, "gzip.h5": dict(chunks=(1_000, DIM), compression="gzip", compression_opts=4, shuffle=True)}


def write(directory):
    rng = np.random.default_rng(1)
    for name, storage in FILES.items():
        path = os.path.join(directory, name)
        if os.path.exists(path):
            continue
        with h5py.File(path + ".tmp", "w") as f:
            v = f.create_dataset("embeddings", (ROWS, DIM), "f4", **storage)
            for i in range(0, ROWS, 10_000):
                v[i : i + 10_000] = rng.standard_normal((10_000, DIM), dtype="f4").round(2)
            f["ids"] = np.arange(ROWS)
        os.rename(path + ".tmp", path)


def read(directory):
    for name in FILES:
        best = best_cpu = 0
        for _ in range(5):
            begin, cpu = time.perf_counter(), time.process_time()
            with h5py.File(os.path.join(directory, name)) as f:
                v, k = f["embeddings"], f["ids"]
                held = collections.deque(maxlen=8)  # as writers do
                for i in range(0, ROWS, BATCH):
                    held.append((v[i : i + BATCH], k[i : i + BATCH]))
            megabytes = ROWS * (4 * DIM + 8) / 1e6
            best = max(best, megabytes / (time.perf_counter() - begin))
            best_cpu = max(best_cpu, megabytes / (time.process_time() - cpu))
        print(f"{name} {best:.0f} {best_cpu:.0f}", flush=True)


def compare(directory):
    rng = np.random.default_rng(1)
    vectors = [rng.standard_normal((BATCH, DIM), dtype="f4").round(2) for _ in range(4)]
    keys = [np.arange(i * BATCH, (i + 1) * BATCH) for i in range(4)]
    for name, storage in FILES.items():
        best = best_cpu = 0
        path = os.path.join(directory, "compared.h5")
        for _ in range(5):
            begin, cpu = time.perf_counter(), time.process_time()
            with h5py.File(path, "w") as f:
                v = f.create_dataset("embeddings", (ROWS, DIM), "f4", **storage)
                k = f.create_dataset("ids", (ROWS,), "i8", **{**storage, **({"chunks": (1_000,)} if storage else {})})
                for i in range(0, ROWS, BATCH):
                    n = min(BATCH, ROWS - i)
                    v[i : i + n], k[i : i + n] = vectors[i // BATCH % 4][:n], keys[i // BATCH % 4][:n]
            megabytes = ROWS * (4 * DIM + 8) / 1e6
            best = max(best, megabytes / (time.perf_counter() - begin))
            best_cpu = max(best_cpu, megabytes / (time.process_time() - cpu))
            os.remove(path)
        print(f"{name} {best:.0f} {best_cpu:.0f}", flush=True)


{"write": write, "read": read, "compare": compare}[sys.argv[1]](sys.argv[2])
