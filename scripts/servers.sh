#!/usr/bin/env bash
# Real servers for tests, beside whatever this machine runs: see usage below and
# docs/decisions/0006-servers-for-tests.md.
set -euo pipefail
export PATH="$PATH:/usr/sbin:/sbin"
umask 022
here=$(cd "$(dirname "${BASH_SOURCE[0]}")/servers" && pwd)

usage() {
  cat <<'USAGE'
usage: scripts/servers.sh start | env | status | stop | versions

  start     FerretDB (MongoDB's protocol) on PostgreSQL with DocumentDB, a Redis,
            a replica of it and a Redis Cluster of three masters, on free ports of
            127.0.0.1. What runs already is left alone, what died is started again.
  env       lines for: eval "$(scripts/servers.sh env)"
  status    each server, its process and whether it answers; exit 1 unless all do
  stop      ends these servers, by process id, and removes their data
  versions  what is installed, as scripts/servers/versions.txt records it

It needs root and, the first time, Debian's archive; it installs mmdebstrap and
redis-tools with apt-get where they are missing. Settings, all optional:

  MUSTER_SERVERS_DIR      the cache, shared by all checkouts; to build it anew, stop
                          and remove it (default ~/.cache/muster-servers)
  MUSTER_SERVERS_NAME     the set of servers that is meant: sets do not see each
                          other (default "default")
  MUSTER_SERVERS_LIMIT    every server ends by itself after this time (default 2h)
  MUSTER_SERVERS_FAST     1: PostgreSQL without fsync; nothing about durability is
                          proved by such a run
  MUSTER_SERVERS_MIRROR   (default http://deb.debian.org/debian)
  MUSTER_SERVERS_KEYRING  the keys that must have signed the archive (default
                          /usr/share/keyrings/debian-archive-keyring.gpg)
USAGE
}

dir=${MUSTER_SERVERS_DIR:-${XDG_CACHE_HOME:-$HOME/.cache}/muster-servers}
name=${MUSTER_SERVERS_NAME:-default}
limit=${MUSTER_SERVERS_LIMIT:-2h}
root=$dir/root     # Debian, with PostgreSQL in it
run=$dir/run/$name # this set: who runs, on which ports, logs
data=/srv/$name    # this set's documents, as seen from inside root

say() { echo "servers: $*" >&2; }
die() { say "$*"; exit 1; }

# shellcheck source=scripts/servers/install.sh
. "$here/install.sh"
# shellcheck source=scripts/servers/process.sh
. "$here/process.sh"
# shellcheck source=scripts/servers/serve.sh
. "$here/serve.sh"

# lock makes this the only run that changes the cache. What installs inherits the
# lock, so after a kill the next run waits until the rest of the killed one ended.
lock() {
  mkdir -p "$dir"
  exec 9>"$dir/lock"
  flock -n 9 && return
  say "another run is at work in $dir: waiting for it"
  flock -w 1200 9 || die "another run has held $dir/lock for 20 minutes: end it and start again"
}

needs() {
  [[ $(uname) == Linux ]] || die "these servers need Linux; name servers of your own in $(names)"
  [[ $(id -u) == 0 ]] || die "mmdebstrap and chroot need root: run this as root, or name servers of your own in $(names)"
  [[ $name =~ ^[a-z0-9-]+$ && $name != template ]] || die "MUSTER_SERVERS_NAME is '$name': use small letters, digits and -"
}

names() { echo "MUSTER_MONGO_URL, MUSTER_REDIS_URL, MUSTER_REDIS_REPLICA_URL and MUSTER_REDIS_CLUSTER_URL"; }

case ${1:-} in
  start)
    needs
    lock
    install_all
    serve_all
    ;;
  env)
    [[ -f $run/env ]] || die "the servers do not run: scripts/servers.sh start"
    all_alive || die "not all of the servers run: scripts/servers.sh start"
    cat "$run/env"
    ;;
  status) status ;;
  stop)
    needs
    lock
    stop_all
    ;;
  versions) installed_versions ;;
  -h | --help | help) usage ;;
  *)
    usage >&2
    exit 2
    ;;
esac
