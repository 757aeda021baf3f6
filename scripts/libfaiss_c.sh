#!/bin/bash
# libfaiss_c.sh PREFIX makes PREFIX/libfaiss_c.a, the C API of the installed libfaiss-dev, for linking go-faiss with
# CGO_LDFLAGS=-LPREFIX. It does nothing when that is there. It takes about 20 s.
#
# Debian 12's libfaiss-dev (1.7.3) has the headers of the C API and not its objects: they are compiled from the sources
# of the same package. Later ones (1.11.0 in Debian 13) have them.
#
# Needs g++, libfaiss-dev and libopenblas-dev (or liblapack-dev); to compile, dpkg-dev and network too.
set -euo pipefail

prefix=$(realpath -m "${1:?usage: libfaiss_c.sh PREFIX}")
[ ! -e "$prefix/libfaiss_c.a" ] || exit 0

die() { echo "error: $*" >&2; exit 1; }
version=$(dpkg-query -W -f '${source:Version}' libfaiss-dev 2>/dev/null) ||
  die "libfaiss-dev is not installed: apt-get install libfaiss-dev"
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

# fetch_source unpacks the source package of the installed version into $tmp/src. apt checks it against the signed index
# of the archives that this machine has its binary packages from; apt's own state is left alone.
fetch_source() {
  local apt
  apt-get indextargets --format 'deb-src $(REPO_URI) $(CODENAME) $(COMPONENT)' 'Created-By: Packages' | sort -u >"$tmp/sources.list"
  mkdir -p "$tmp/lists/partial" "$tmp/cache/archives/partial" "$tmp/src"
  apt=(-o "Dir::Etc::sourcelist=$tmp/sources.list" -o Dir::Etc::sourceparts=- -o "Dir::State::lists=$tmp/lists"
    -o "Dir::Cache=$tmp/cache" -o "APT::Sandbox::User=$(id -un)")
  apt-get "${apt[@]}" update -qq
  (cd "$tmp" && apt-get "${apt[@]}" source -qq --download-only "faiss=$version") ||
    die "apt has no source of faiss $version"
  tar xzf "$tmp"/faiss_*.orig.tar.gz -C "$tmp/src" --strip-components 1
}

# compile_objects DIR compiles the C API below DIR into $tmp/objects.a.
compile_objects() {
  mkdir -p "$tmp/o"
  (cd "$1" && find . -name '*.cpp' -not -path './gpu/*' -printf '%P\0') | xargs -0 -P "$(nproc)" -I{} sh -c \
    'g++ -std=c++17 -O2 -DNDEBUG -fPIC -fopenmp -I/usr/include/faiss/c_api -c "$1/$2" -o "$3/$(echo "$2" | tr / _).o"' _ "$1" {} "$tmp/o"
  ar rcs "$tmp/objects.a" "$tmp"/o/*.o
}

packaged=$(dpkg -L libfaiss-dev | grep '/libfaiss_c\.a$' || true)
mkdir -p "$prefix"
if [ -n "$packaged" ]; then
  objects=$packaged
else
  fetch_source
  compile_objects "$tmp/src/c_api"
  mv "$tmp/objects.a" "$prefix/libfaiss_c_objects.a"
  objects=$prefix/libfaiss_c_objects.a
fi

# go-faiss links with -lfaiss_c alone: a linker script under that name brings all that static Faiss needs. It is written
# last, so that it stands for a whole build.
cat >"$tmp/libfaiss_c.a" <<LD
GROUP ( $objects -lfaiss )
INPUT ( -llapack -lblas -lgomp -lstdc++ -lm )
LD
mv "$tmp/libfaiss_c.a" "$prefix/libfaiss_c.a"
