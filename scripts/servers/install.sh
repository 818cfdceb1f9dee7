# shellcheck shell=bash
# What the servers are made of: a folder with Debian and PostgreSQL in it, FerretDB,
# and Debian's redis-server. Sourced by scripts/servers.sh.

suite=forky
packages=(postgresql-18 postgresql-18-documentdb)
nobody=65534:65534 # every server runs as this
# ROOT COMMAND... behind it: in there, as nobody, without this shell's variables
inside=(env -i PATH=/usr/lib/postgresql/18/bin:/usr/local/bin:/usr/sbin:/usr/bin HOME=/ LC_ALL=C.UTF-8 TZ=UTC
  chroot --userspec="$nobody")
ferretdb_version=v2.7.0
recipe="2 $suite ${packages[*]}" # count on when root is made otherwise: an older one is made again
mirror=${MUSTER_SERVERS_MIRROR:-http://deb.debian.org/debian}
keyring=${MUSTER_SERVERS_KEYRING:-/usr/share/keyrings/debian-archive-keyring.gpg}
ferretdb=$dir/ferretdb-$ferretdb_version

install_all() {
  install_tools
  local building=
  if [[ ! -x $ferretdb ]]; then
    say "building FerretDB $ferretdb_version"
    build_ferretdb &
    building=$!
    # shellcheck disable=SC2064 # the id of now
    trap "kill $building 2>/dev/null || true" EXIT
  fi
  [[ $(cat "$root/muster-recipe" 2>/dev/null) == "$recipe" ]] || build_root
  if [[ -n $building ]]; then
    wait "$building" || exit 1
    trap - EXIT
  fi
  if [[ ! -x $root/usr/local/bin/${ferretdb##*/} ]]; then
    install -D -m 755 "$ferretdb" "$root/usr/local/bin/ferretdb.partial"
    mv "$root/usr/local/bin/ferretdb.partial" "$root/usr/local/bin/${ferretdb##*/}"
  fi
  say_changes
}

# install_tools installs what this machine lacks. redis-tools holds redis-server:
# redis-check-rdb is the same program, which goes by the name it is called. The
# package redis-server would add only a service on 6379 that nobody asked for.
install_tools() {
  local missing=()
  command -v mmdebstrap >/dev/null || missing+=(mmdebstrap)
  [[ -n ${MUSTER_SERVERS_KEYRING:-} || -f $keyring ]] || missing+=(debian-archive-keyring)
  { redis_server && command -v redis-cli; } >/dev/null || missing+=(redis-tools)
  if ((${#missing[@]})); then
    command -v apt-get >/dev/null || die "${missing[*]} missing, and there is no apt-get to install it; name servers of your own in $(names)"
    say "installing ${missing[*]}"
    {
      apt-get update -qq || true # one broken source of many is no reason
      DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends -o DPkg::Lock::Timeout=300 "${missing[@]}"
    } >"$dir/tools.log" 2>&1 || die "apt-get could not install ${missing[*]}: $(error_in "$dir/tools.log")"
  fi
  mkdir -p "$dir/bin"
  ln -sfn "$(redis_server)" "$dir/bin/redis-server"
  [[ -f $keyring ]] || die "the keyring $keyring does not exist: nothing could be verified"
}

redis_server() { command -v redis-check-rdb; }

# build_ferretdb: Go's checksum database vouches for what it downloads.
build_ferretdb() {
  command -v go >/dev/null || die "go is missing: FerretDB is built with it"
  rm -rf "$dir/gobin"
  GOBIN=$dir/gobin GOFLAGS='' GOWORK=off CGO_ENABLED=0 \
    go install "github.com/FerretDB/FerretDB/v2/cmd/ferretdb@$ferretdb_version" >"$dir/ferretdb.log" 2>&1 ||
    die "FerretDB $ferretdb_version could not be built: $(tail -n 1 "$dir/ferretdb.log")"
  mv "$dir/gobin/ferretdb" "$ferretdb"
  say "built FerretDB ($SECONDS s)"
}

# build_root makes root in a folder of another name, which becomes root when all
# of it is there.
build_root() {
  local new=$dir/root.partial log=$dir/root.log
  no_set_alive || die "$root is of an older recipe and servers run from it: stop them, then start again"
  rm -rf --one-file-system "$root" "$new"
  say "Debian $suite with ${packages[*]}, verified with $keyring"
  if ! extract_packages "$new" >"$log" 2>&1; then
    grep -q 'is expired' "$log" || die "mmdebstrap failed: $(error_in "$log") (see $log)"
    say "the mirror is behind ($(grep -m 1 -o 'expired (.*)' "$log")); going on, for its signature is good"
    rm -rf --one-file-system "$new"
    extract_packages "$new" --aptopt='Acquire::Check-Valid-Until "false"' >"$log" 2>&1 ||
      die "mmdebstrap failed: $(error_in "$log") (see $log)"
  fi
  say "setting up DocumentDB ($SECONDS s)"
  make_template "$new" >>"$log" 2>&1 || die "PostgreSQL could not be set up: $(tail -n 1 "$log") (see $log)"
  echo "$recipe" >"$new/muster-recipe"
  mv "$new" "$root"
  say "the folder is made ($SECONDS s)"
}

# extract_packages FOLDER OPTION...: apt resolves, downloads and verifies; the
# packages are unpacked and none of their scripts run, so nothing is started, and
# the two things that are needed of what those scripts do are done here. base-files
# brings the links of /, dash is initdb's shell. The hook lists what was unpacked.
extract_packages() {
  local all=("base-files" "dash" "${packages[@]}")
  # shellcheck disable=SC2016 # the hook's shell expands them
  mmdebstrap --mode=root --variant=extract --include="${all[*]}" --keyring="$keyring" \
    --aptopt='APT::Install-Recommends "false"' --aptopt='Acquire::Languages "none"' \
    --extract-hook='for deb in "$1"/var/cache/apt/archives/*.deb; do dpkg-deb -W "$deb"; done >"$1/muster-packages"' \
    "${@:2}" "$suite" "$1" "deb [signed-by=$keyring] $mirror $suite main" || return 1
  echo "postgres:x:$nobody::/:/bin/sh" >"$1/etc/passwd"
  ln -s postgis-3.control "$1/usr/share/postgresql/18/extension/postgis.control"
}

# make_template sets up the database that every set of servers starts from. Its
# socket will lie in its folder, which only its own user may enter. DocumentDB
# reaches its own database through the socket too, and pg_cron's jobs run in
# PostgreSQL's own workers: both would otherwise remember a host and a port.
make_template() {
  install -d -o "${nobody%:*}" -g "${nobody#*:}" -m 700 "$1/srv/template" &&
    "${inside[@]}" "$1" initdb -D /srv/template/pg -U postgres --auth=trust --encoding=UTF8 --locale=C.UTF-8 --no-sync &&
    cat >>"$1/srv/template/pg/postgresql.conf" <<'CFG' &&
listen_addresses = ''
shared_preload_libraries = 'pg_cron,pg_documentdb_core,pg_documentdb'
cron.database_name = 'postgres'
cron.use_background_workers = on
cron.log_run = off
cron.log_statement = off
max_worker_processes = 32
CFG
    echo 'create extension documentdb cascade' |
    "${inside[@]}" "$1" postgres --single -F -D /srv/template/pg postgres >"$1/template.log" 2>&1 &&
    ! grep -E 'ERROR|FATAL' "$1/template.log" # it ends with 0 all the same
}

# error_in LOG: the line that says what went wrong.
error_in() { grep -E '^(E|error):' "$1" | head -n 1 | grep . || tail -n 1 "$1"; }

installed_versions() {
  [[ -f $root/muster-packages ]] || die "nothing is installed: scripts/servers.sh start"
  echo "ferretdb $ferretdb_version"
  sed -n 's/^\(postgresql-18[^\t]*\)\t/\1 /p' "$root/muster-packages" | sort
  echo "redis-tools $(redis_package)"
}

# redis_package: Debian's version, or what a Redis from elsewhere says of itself.
redis_package() {
  # shellcheck disable=SC2016 # dpkg-query's own
  dpkg-query -W -f '${Version}\n' redis-tools 2>/dev/null && return
  "$dir/bin/redis-server" --version | sed 's/.* v=\([^ ]*\).*/\1/'
}

# say_changes names, in one line, what is no longer as versions.txt records it.
say_changes() {
  local changes
  changes=$(awk '
    /^#/ { next }
    FILENAME == ARGV[1] { was[$1] = $2; next }
    { now[$1] = $2 }
    END {
      for (p in was) if (now[p] != was[p]) print p " from " was[p] " to " (p in now ? now[p] : "nothing")
      for (p in now) if (!(p in was)) print p " from nothing to " now[p]
    }' "$here/versions.txt" <(installed_versions) | sort | paste -sd ';' | sed 's/;/; /g')
  [[ -z $changes ]] || say "changed since scripts/servers/versions.txt: $changes"
}
