#!/usr/bin/env bash
# Installs what is missing, and says nothing when all is there.
#
#   install.sh [libraries] [servers] [peers] [mysql] [tools]
#
#   libraries   to build the worker: a C++ compiler, HDF5, Faiss and OpenBLAS from Debian, and Faiss's C API
#   servers     to run it: a Temporal server and Milvus
#   peers       to test it: milvus-lite in two versions, and pymilvus
#   mysql       to test it: a MariaDB server, which tests start themselves
#   tools       to check it: golangci-lint and workflowcheck
#
# Everything but the Debian packages goes to ${MILVUSDM_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/milvusdm}, each version in
# its own place and put there whole. Packages come through apt-get, go and pip as they are configured on the machine.
source "$(dirname "$0")/lib.sh"

milvus_sha256=69515a0630ce29fd10e101fa442afea8ca1387b93a456cd9bd41fdf3deb93d04
milvus_lite_cpp_sha256=334037ebbab60243b5d8b43d54ca2f835d81d48c3cda0c6a462605e588deb05d

# debian PACKAGE... installs those packages that are missing.
debian() {
  local package missing=() sudo=()
  for package in "$@"; do
    [ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null)" = installed ] || missing+=("$package")
  done
  [ ${#missing[@]} -gt 0 ] || return 0
  command -v apt-get >/dev/null || die "these packages are needed, and there is no apt-get here: ${missing[*]}"
  if [ "$(id -u)" != 0 ]; then
    sudo=(sudo)
    command -v sudo >/dev/null || die "as root, run: apt-get install ${missing[*]}"
  fi
  say "installing Debian packages ${missing[*]} (about 1 min)"
  export DEBIAN_FRONTEND=noninteractive
  # The lists may be old or empty, and fetching them may fail for a source that is not needed here.
  quietly "${sudo[@]}" apt-get update -qq || true
  quietly "${sudo[@]}" apt-get install -y -qq --no-install-recommends "${missing[@]}" ||
    die "apt-get could not install ${missing[*]}"
}

# quietly COMMAND... shows the command's output only when it fails.
quietly() {
  local log status=0
  log=$(mktemp)
  "$@" >"$log" 2>&1 || status=$?
  [ $status = 0 ] || tail -n 40 "$log" >&2
  rm -f "$log"
  return $status
}

# go_program PATH MODULE@VERSION TIME builds a Go program into the cache.
go_program() {
  local target=$1 module=$2 time=$3 dir
  [ -x "$target" ] && return
  say "building $(basename "$target") (about $time, once)"
  dir=$(mktemp -d "$cache/tmp.XXXXXX")
  GOBIN=$dir CGO_ENABLED=0 quietly go install "$module" || { rm -rf "$dir"; die "cannot build $module"; }
  mkdir -p "$(dirname "$target")"
  mv "$dir"/* "$target"
  rmdir "$dir"
}

faiss_c() {
  local dir
  dir=$(faiss_c_dir)
  [ -e "$dir/.complete" ] && return
  say "building Faiss's C API (about 15 s, once)"
  quietly "$root/scripts/libfaiss_c.sh" "$dir" || die "cannot build Faiss's C API"
  touch "$dir/.complete"
}

# need_pip WHAT checks that WHAT, which is a package of programs for this kind of machine only, can be downloaded.
need_pip() {
  [ "$(uname -sm)" = "Linux x86_64" ] || die "$1 is to be had for Linux on x86_64 only"
  python3 -m pip --version >/dev/null 2>&1 || debian python3-pip
}

# wheel DIRECTORY PACKAGE VERSION SHA256 downloads a wheel and checks it.
wheel() {
  quietly python3 -m pip download --quiet --no-deps --only-binary :all: --dest "$1" "$2==$3" ||
    { rm -rf "$1"; die "pip cannot download $2==$3"; }
  echo "$4  $(echo "$1"/*.whl)" | sha256sum --check --quiet >&2 ||
    { rm -rf "$1"; die "the $2 that pip downloaded is not the one that is expected"; }
}

milvus() {
  local dir
  [ -d "$milvus_dist" ] && return
  need_pip "Milvus $milvus_version"
  say "downloading Milvus $milvus_version (58 MB, about 30 s, once)"
  dir=$(mktemp -d "$cache/tmp.XXXXXX")
  wheel "$dir" milvus "$milvus_version" "$milvus_sha256"
  python3 "$root/scripts/unpack_milvus.py" "$dir"/milvus-*.whl "$dir/dist"
  mv "$dir/dist" "$milvus_dist"
  rm -rf "$dir"
}

milvus_lite_cpp() {
  local dir
  [ -d "$milvus_lite_cpp" ] && return
  need_pip "milvus-lite $milvus_lite_cpp_version"
  say "downloading milvus-lite $milvus_lite_cpp_version (45 MB, about 20 s, once)"
  dir=$(mktemp -d "$cache/tmp.XXXXXX")
  wheel "$dir" milvus-lite "$milvus_lite_cpp_version" "$milvus_lite_cpp_sha256"
  python3 -m zipfile -e "$dir"/milvus_lite-*.whl "$dir/wheel"
  chmod +x "$dir/wheel/milvus_lite/lib/milvus"
  mv "$dir/wheel/milvus_lite/lib" "$milvus_lite_cpp"
  rm -rf "$dir"
}

# python_packages DIRECTORY WHAT SIZE PIP_ARGUMENT... installs Python packages into a folder of the cache.
python_packages() {
  local target=$1 what=$2 size=$3 dir
  shift 3
  [ -d "$target" ] && return
  need_pip "$what"
  say "downloading $what ($size, once)"
  dir=$(mktemp -d "$cache/tmp.XXXXXX")
  quietly python3 -m pip install --quiet --only-binary :all: --target "$dir/packages" "$@" ||
    { rm -rf "$dir"; die "pip cannot install $what"; }
  mv "$dir/packages" "$target"
  rm -rf "$dir"
}

python_peers() {
  python_packages "$python_peers" "pymilvus $pymilvus_version and milvus-lite $milvus_lite_version" "120 MB, about 1 min" \
    "pymilvus==$pymilvus_version" "milvus-lite==$milvus_lite_version"
}

python_h5py() { python_packages "$python_h5py" "h5py $h5py_version" "5 MB" --no-deps "h5py==$h5py_version"; }

{ # read whole before it runs, so that a new version of this file does no harm
  mkdir -p "$cache"
  exec 9>"$cache/lock"
  flock 9 # two installations at once: the second finds all done

  for what in "${@:-libraries servers peers mysql tools}"; do
    for part in $what; do
      case $part in
        libraries)
          debian g++ dpkg-dev pkg-config libhdf5-dev libfaiss-dev libopenblas-dev
          faiss_c
          ;;
        servers)
          milvus
          [ -x "$(temporal_command)" ] || go_program "$(temporal_command)" \
            "github.com/temporalio/cli/cmd/temporal@v$temporal_version" "5 min"
          ;;
        peers)
          milvus_lite_cpp
          python_peers
          python_h5py
          ;;
        mysql)
          debian mariadb-server-core
          ;;
        tools)
          go_program "$golangci_lint" \
            "github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$golangci_lint_version" "3 min"
          go_program "$workflowcheck" "go.temporal.io/sdk/contrib/tools/workflowcheck@$workflowcheck_version" "10 s"
          ;;
        *) die "install.sh: unknown part $part" ;;
      esac
    done
  done
  exit
}
