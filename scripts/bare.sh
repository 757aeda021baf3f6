#!/usr/bin/env bash
# bare.sh tries what the README tells a new user, on a machine that has only what the README asks for: a minimal Debian
# (or whatever this machine runs) in a folder, with Go, Python 3, make, git and a C compiler. It does so twice, as root
# and as an ordinary user with sudo: in a clone of HEAD, make run to its end, make test-install, make down.
#
# It needs root, namespaces, overlayfs and debootstrap. Where these are not available it says so and succeeds.
#
# Each run has an overlay, process IDs and mounts of its own, which end with it, whatever ends it. Of this machine it
# sees Go, the network (so the ports are free ones), and how apt, pip and go are configured. The cache keeps the Debian
# as debootstrap made it. The second run shares Go's caches with the first: modules, and what was compiled of them. All
# else it does again: Debian packages, wheels, Faiss's C API, linking the Temporal server, our programs.
source "$(dirname "$0")/lib.sh"

base=$cache/bare/$(. /etc/os-release && echo "$VERSION_CODENAME")
script=$(realpath "$0")

skip() { say "make bare: skipped: $*"; exit 0; }

# may_run skips where this machine lacks the rights or the programs.
may_run() {
  [ "$(id -u)" = 0 ] || skip "needs root"
  mkdir -p "$run/probe/"{lower,up,work,root}
  unshare --mount --pid --fork true 2>/dev/null || skip "needs the right to make namespaces"
  mknod "$run/probe/null" c 1 3 2>/dev/null || skip "needs the right to make devices"
  unshare --mount mount -t overlay overlay "$run/probe/root" \
    -o "lowerdir=$run/probe/lower,upperdir=$run/probe/up,workdir=$run/probe/work" 2>/dev/null ||
    skip "needs overlayfs in $cache"
  command -v debootstrap >/dev/null && return
  command -v apt-get >/dev/null || skip "needs debootstrap, and there is no apt-get here to install it"
  { apt-get update -qq; apt-get install -y -qq --no-install-recommends debootstrap; } >"$run/log" 2>&1 ||
    skip "needs debootstrap, which apt-get could not install: $(tail -n 1 "$run/log")"
}

# make_base bootstraps the Debian, from the archive that this machine's apt uses.
make_base() {
  local mirror new=$run/base
  [ ! -e "$base/usr" ] || return 0
  mirror=$(apt-get indextargets --format '$(CODENAME) $(COMPONENT) $(REPO_URI)' 'Created-By: Packages' |
    awk -v codename="$(basename "$base")" '$1 == codename && $2 == "main" {print $3; exit}')
  [ -n "$mirror" ] || die "apt has no archive of $(basename "$base")"
  say "bootstrapping $(basename "$base") (about 1 min, once)"
  debootstrap --variant=minbase --include=ca-certificates,make,gcc,libc6-dev,git,python3,sudo \
    "$(basename "$base")" "$new" "$mirror" >"$run/log" 2>&1 || { tail -n 20 "$run/log" >&2; die "debootstrap failed"; }
  chroot "$new" useradd --create-home --shell /bin/bash user
  echo 'user ALL=(ALL) NOPASSWD: ALL' >"$new/etc/sudoers.d/user"
  mkdir -p "$(dirname "$base")"
  mv "$new" "$base"
}

# configure ROOT takes over how this machine reaches its archives and registries.
configure() {
  local file
  cp /etc/resolv.conf /etc/hosts "$1/etc/"
  : >"$1/etc/apt/sources.list"
  for file in /etc/apt/{sources.list,sources.list.d,auth.conf.d,trusted.gpg.d,keyrings} /usr/share/keyrings \
    /etc/pip.conf /etc/ssl/certs/ca-certificates.crt; do
    [ ! -e "$file" ] || cp -rL "$file" "$1$(dirname "$file")/"
  done
  grep -l Acquire /etc/apt/apt.conf.d/* | xargs -r cp -t "$1/etc/apt/apt.conf.d"
}

# first_hour is what each run does.
first_hour='cd ~/milvusdm
  make run | tee /tmp/said
  grep -q verified /tmp/said || { echo "error: make run did not say verified" >&2; exit 1; }
  make test-install
  make down'

# inside DIRECTORY WHO PORT is the first process of a run: with it, all others and the mounts end.
inside() {
  local dir=$1 who=$2 port=$3 r=$1/root run home goroot name settings
  run=$(dirname "$dir")
  exec 9>"$dir/lock"
  flock 9
  trap 'exit 143' INT TERM
  mount -t overlay overlay "$r" -o "lowerdir=$base,upperdir=$dir/up,workdir=$dir/work"
  goroot=$(go env GOROOT)
  mkdir -p "$r/usr/local/go"
  mount --bind -o ro "$goroot" "$r/usr/local/go"
  mount -t proc proc "$r/proc"
  mkdir -p "$r/var/cache/go"
  mount --bind "$run/go" "$r/var/cache/go"
  mount --rbind /sys "$r/sys"
  mount --bind /dev "$r/dev"
  configure "$r"
  home=$(chroot "$r" sh -c "echo ~$who")
  git clone -q "$root" "$r$home/milvusdm"
  chroot "$r" chown -R "$who:" "$home" /var/cache/go
  mapfile -t settings < <(
    env | grep -E '^(PIP_.*|SSL_CERT_.*|REQUESTS_CA_BUNDLE|GIT_SSL_CAINFO|(HTTPS?|https?|NO|no)_(PROXY|proxy))=' || true
    for name in GOPROXY GOSUMDB GOPRIVATE GONOPROXY GONOSUMDB GOINSECURE; do echo "$name=$(go env $name)"; done
  )
  chroot "$r" runuser -u "$who" -- env -i HOME="$home" USER="$who" LANG=C.UTF-8 TERM=dumb \
    PATH=/usr/local/go/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin "${settings[@]}" \
    GOMODCACHE=/var/cache/go/mod GOCACHE=/var/cache/go/build \
    TEMPORAL_PORT="$port" TEMPORAL_UI_PORT=$((port + 1)) \
    MILVUS_SOURCE_PORT=$((port + 2)) MILVUS_TARGET_PORT=$((port + 15)) \
    bash -euo pipefail -c "$first_hour"
}

# free_ports COUNT prints the first of that many ports in a row on which nothing listens.
free_ports() {
  local first port
  while :; do
    first=$((10000 + RANDOM % 20000))
    for ((port = first; port < first + $1; port++)); do
      ! holder "$port" >/dev/null || continue 2
    done
    echo "$first"
    return
  done
}

# bare WHO runs inside as that user.
bare() {
  local who=$1 dir=$run/$1 started=$SECONDS
  say "make bare: as $who"
  mkdir -p "$dir/"{up,work,root} "$run/go"
  unshare --mount --pid --fork --kill-child "$script" inside "$dir" "$who" "$(free_ports 28)" &
  running=$!
  wait "$running" || die "make bare failed as $who"
  running=
  say "make bare: as $who: ok ($((SECONDS - started)) s)"
}

finish() {
  [ -z "$running" ] || kill -KILL "$running" 2>/dev/null || true # the run's first process dies with it
  for dir in "$run"/*/lock; do
    [ ! -e "$dir" ] || flock "$dir" true # until it has: the mounts are gone then too
  done
  rm -rf "$run"
}

{ # read whole before it runs, so that a new version of this file does no harm
  if [ "${1-}" = inside ]; then
    inside "${@:2}"
    exit
  fi
  mkdir -p "$cache"
  exec 7>"$cache/bare.lock"
  flock 7 # one at a time; all processes of a run hold it too, so what is left of earlier ones is dead
  rm -rf "$cache"/bare.??????
  run=$(mktemp -d "$cache/bare.XXXXXX") running=
  trap finish EXIT
  trap 'exit 129' HUP
  trap 'exit 130' INT
  trap 'exit 143' TERM
  may_run
  make_base
  bare root
  bare user
  exit
}
