#!/usr/bin/env bash
# Installs what is missing, and says nothing when all is there.
#
#   install.sh [libraries] [servers] [programs] [peers] [mysql] [tools]
#
#   libraries   to build the worker: a C++ compiler, HDF5, Faiss and OpenBLAS from Debian, and Faiss's C API
#   servers     to run it: a Temporal server and Milvus
#   programs    milvusdm and milvusdm-worker themselves, always built from the sources as they are; needs libraries
#   peers       to test it: milvus-lite in two versions, and pymilvus
#   mysql       to test it: a MariaDB server, which tests start themselves
#   tools       to check it: golangci-lint and workflowcheck
#
# What does not depend on each other runs side by side: Debian packages and then what is compiled against them, wheels,
# Go programs. The first failure ends all of it.
#
# Programs go to $BIN (bin), everything else but the Debian packages to
# ${MILVUSDM_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/milvusdm}, each version in its own place and put there whole.
# Packages come through apt-get, go and pip as they are configured on the machine.
source "$(dirname "$0")/lib.sh"

milvus_sha256=69515a0630ce29fd10e101fa442afea8ca1387b93a456cd9bd41fdf3deb93d04
milvus_lite_cpp_sha256=334037ebbab60243b5d8b43d54ca2f835d81d48c3cda0c6a462605e588deb05d

# need_debian PACKAGE... notes those packages that are missing, for install_debian.
missing=()
need_debian() {
  local package
  for package in "$@"; do
    [[ " ${missing[*]} " != *" $package "* ]] || continue
    [ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null)" = installed ] || missing+=("$package")
  done
}

# may_install_debian checks that missing packages can be installed, and asks for the password if sudo needs one, before
# anything else writes to the terminal.
may_install_debian() {
  [ ${#missing[@]} -gt 0 ] || return 0
  command -v apt-get >/dev/null || die "these packages are needed, and there is no apt-get here: ${missing[*]}"
  [ "$(id -u)" = 0 ] && return
  command -v sudo >/dev/null && sudo apt-get --version >/dev/null || die "as root, run: apt-get install ${missing[*]}"
}

install_debian() {
  local as_root=(env DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=600)
  [ ${#missing[@]} -gt 0 ] || return 0
  [ "$(id -u)" = 0 ] || as_root=(sudo "${as_root[@]}")
  say "installing Debian packages ${missing[*]} (about 1 min)"
  # The lists may be old or empty, and fetching them may fail for a source that is not needed here.
  quietly "${as_root[@]}" update -qq || true
  quietly "${as_root[@]}" install -y -qq --no-install-recommends "${missing[@]}" ||
    die "apt-get could not install ${missing[*]}"
}

# quietly COMMAND... shows the command's output only when it fails.
quietly() {
  local log status=0
  log=$(mktemp "$work/log.XXXXXX")
  "$@" >"$log" 2>&1 || status=$?
  [ $status = 0 ] || tail -n 40 "$log" >&2
  rm -f "$log"
  return $status
}

# go_program PATH MODULE@VERSION TIME builds a Go program into the cache, with the Go that builds this project or, where
# the program needs it, a later one.
go_program() {
  local target=$1 module=$2 time=$3 dir
  [ -x "$target" ] && return
  say "building $(basename "$target") (about $time, once)"
  dir=$(mktemp -d "$work/XXXXXX")
  GOTOOLCHAIN=$(go_version)+auto GOBIN=$dir CGO_ENABLED=0 quietly go install -ldflags '-s -w' "$module" ||
    die "cannot build $module"
  mv "$dir"/* "$target"
}

faiss_c() {
  local dir
  dir=$(faiss_c_dir)
  [ -e "$dir/.complete" ] && return
  say "building Faiss's C API (about 15 s, once)"
  quietly "$root/scripts/libfaiss_c.sh" "$dir" || die "cannot build Faiss's C API"
  touch "$dir/.complete"
}

# starter and worker build our own programs. The version is what git says, which Go need not ask again.
starter() { build_program milvusdm ./starter env CGO_ENABLED=0; }
worker() { build_program milvusdm-worker ./worker with_faiss; }

# build_program NAME PACKAGE ENVIRONMENT... builds one of our programs.
build_program() {
  local name=$1 package=$2 version
  shift 2
  version=${VERSION:-$(git -C "$root" describe --tags --always --dirty 2>/dev/null || echo dev)}
  [ -x "$bin/$name" ] || say "building $name (about 1 min the first time)"
  cd "$root"
  quietly "$@" go build -buildvcs=false -tags gofaiss -ldflags "-X milvusdm/internal/version.Version=$version" \
    -o "$bin/$name" "$package" || die "cannot build $name"
}

# need_wheels WHAT DIRECTORY... notes that wheels, and so pip, are needed if one of those folders is missing. WHAT is a
# package of programs for this kind of machine only.
missing_wheels=
need_wheels() {
  local what=$1 dir
  shift
  for dir in "$@"; do
    [ ! -d "$dir" ] || continue
    [ "$(uname -sm)" = "Linux x86_64" ] || die "$what is available for Linux on x86_64 only"
    missing_wheels=yes
    have_pip || need_debian python3-pip
    return
  done
}

have_pip() { python3 -m pip --version >/dev/null 2>&1; }

# wheel DIRECTORY PACKAGE VERSION SHA256 downloads a wheel and checks it.
wheel() {
  quietly python3 -m pip download --quiet --no-deps --only-binary :all: --dest "$1" "$2==$3" ||
    die "pip cannot download $2==$3"
  echo "$4  $(echo "$1"/*.whl)" | sha256sum --check --quiet >&2 ||
    die "the $2 that pip downloaded is not the one that is expected"
}

milvus() {
  local dir
  [ -d "$milvus_dist" ] && return
  say "downloading Milvus $milvus_version (58 MB, about 30 s, once)"
  dir=$(mktemp -d "$work/XXXXXX")
  wheel "$dir" milvus "$milvus_version" "$milvus_sha256"
  python3 "$root/scripts/unpack_milvus.py" "$dir"/milvus-*.whl "$dir/dist"
  mv "$dir/dist" "$milvus_dist"
}

milvus_lite_cpp() {
  local dir
  [ -d "$milvus_lite_cpp" ] && return
  say "downloading milvus-lite $milvus_lite_cpp_version (45 MB, about 20 s, once)"
  dir=$(mktemp -d "$work/XXXXXX")
  wheel "$dir" milvus-lite "$milvus_lite_cpp_version" "$milvus_lite_cpp_sha256"
  python3 -m zipfile -e "$dir"/milvus_lite-*.whl "$dir/wheel"
  chmod +x "$dir/wheel/milvus_lite/lib/milvus"
  mv "$dir/wheel/milvus_lite/lib" "$milvus_lite_cpp"
}

# python_packages DIRECTORY WHAT SIZE PIP_ARGUMENT... installs Python packages into a folder of the cache.
python_packages() {
  local target=$1 what=$2 size=$3 dir
  shift 3
  [ -d "$target" ] && return
  say "downloading $what ($size, once)"
  dir=$(mktemp -d "$work/XXXXXX")
  quietly python3 -m pip install --quiet --only-binary :all: --target "$dir/packages" "$@" ||
    die "pip cannot install $what"
  mv "$dir/packages" "$target"
}

python_peers() {
  python_packages "$python_peers" "pymilvus $pymilvus_version and milvus-lite $milvus_lite_version" "120 MB, about 1 min" \
    "pymilvus==$pymilvus_version" "milvus-lite==$milvus_lite_version"
}

python_h5py() { python_packages "$python_h5py" "h5py $h5py_version" "5 MB" --no-deps "h5py==$h5py_version"; }

# The lanes: each is a list of steps that run one after another. Compiling Go takes every core, so its programs wait for
# each other; only our own do not, since a user waits for them.
wheels() {
  if wanted servers; then milvus; fi
  if wanted peers; then
    milvus_lite_cpp
    python_peers
    python_h5py
  fi
}

go_programs() {
  if wanted servers; then temporal_cli; fi
  if wanted tools; then
    go_program "$(golangci_lint)" \
      "github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$golangci_lint_version" "3 min"
    go_program "$(workflowcheck)" "go.temporal.io/sdk/contrib/tools/workflowcheck@$workflowcheck_version" "10 s"
  fi
}

temporal_cli() {
  local program
  program=$(temporal_command)
  [ -x "$program" ] || go_program "$program" "github.com/temporalio/cli/cmd/temporal@v$temporal_version" "5 min"
}

with_libraries() {
  if wanted libraries; then faiss_c; fi
  if wanted programs; then worker; fi
}

wanted() { [[ " ${parts[*]} " == *" $1 "* ]]; }

# check_go fails with the reason if Go is missing or too old; a later Go fetches the one that go.mod asks for.
check_go() {
  local least version
  least=go$(awk '$1 == "go" {print $2}' "$root/go.mod")
  command -v go >/dev/null || die "Go is not installed, or not on PATH; $least or later is needed"
  version=$(go_version) || die "go does not work; $least or later is needed"
  [ "$(printf '%s\n' "$least" "$version" | sort -V | head -n 1)" = "$least" ] ||
    die "$version is too old; $least or later is needed"
}

finish() {
  end_lanes
  rm -rf "$work"
}

{ # read whole before it runs, so that a new version of this file does no harm
  parts=("$@")
  [ $# -gt 0 ] || parts=(libraries servers programs peers mysql tools)
  for part in "${parts[@]}"; do
    [[ $part =~ ^(libraries|servers|programs|peers|mysql|tools)$ ]] || die "install.sh: unknown part $part"
  done
  mkdir -p "$cache"
  exec 9>"$cache/lock"
  flock 9 # two installations at once: the second finds all done
  work=$(mktemp -d "$cache/tmp.XXXXXX")
  trap finish EXIT
  trap 'exit 129' HUP
  trap 'exit 130' INT
  trap 'exit 143' TERM

  if wanted servers || wanted programs || wanted tools; then check_go; fi
  if wanted libraries; then need_debian g++ dpkg-dev pkg-config libhdf5-dev libfaiss-dev libopenblas-dev; fi
  if wanted mysql; then need_debian mariadb-server-core; fi
  if wanted servers; then need_wheels "Milvus $milvus_version" "$milvus_dist"; fi
  if wanted peers; then need_wheels milvus-lite "$milvus_lite_cpp" "$python_peers" "$python_h5py"; fi
  may_install_debian

  if wanted programs; then beside starter; fi
  if wanted servers || wanted tools; then beside go_programs; fi
  if [ -n "$missing_wheels" ] && have_pip; then
    missing_wheels=
    beside wheels
  fi
  install_debian # in the foreground: only the user's own Ctrl-C may interrupt it
  if [ -n "$missing_wheels" ]; then beside wheels; fi
  if wanted libraries || wanted programs; then beside with_libraries; fi
  all_done
  exit
}
