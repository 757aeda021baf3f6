"""Unpacks the Milvus server, its libraries and its logging settings from the wheel that carries them.

unpack_milvus.py WHEEL DIRECTORY
"""

import lzma
import os
import shutil
import sys
import zipfile

wheel, directory = sys.argv[1:]
os.makedirs(os.path.join(directory, "bin"))
with zipfile.ZipFile(wheel) as archive:
    for name in archive.namelist():
        base = os.path.basename(name)
        with archive.open(name) as packed:
            if name.startswith("milvus/data/bin/") and base.endswith(".lzma"):
                path = os.path.join(directory, "bin", base.removesuffix(".lzma"))
                with lzma.LZMAFile(packed) as content, open(path, "wb") as out:
                    shutil.copyfileobj(content, out, 1 << 20)
                os.chmod(path, 0o755)
            elif name == "milvus/data/glog.conf":
                with open(os.path.join(directory, base), "wb") as out:
                    shutil.copyfileobj(packed, out)
