# shellcheck shell=bash
# Starting, checking and ending one set of servers. Sourced by scripts/servers.sh.

servers=(postgres ferretdb redis replica cluster-1 cluster-2 cluster-3)
slots=([1]="0 5460" [2]="5461 10922" [3]="10923 16383")

serve_all() {
  remove_dead_sets
  if all_answer; then
    say "all servers run already"
    print_addresses
    return
  fi
  mkdir -p "$run"
  serve_redis
  serve_documents
  wait_server replica 60 linked
  local node
  for node in cluster-{1,2,3}; do wait_server "$node" 60 cluster_ok "$node"; done
  write_env
  say "all servers answer ($SECONDS s); each ends by itself after $limit"
  print_addresses
}

serve_redis() {
  local i
  redis redis --repl-diskless-sync-delay 0
  redis replica --replicaof 127.0.0.1 "$(port redis)"
  for i in 1 2 3; do
    redis "cluster-$i" --cluster-enabled yes --cluster-port "$(port "bus-$i")"
  done
  for i in redis replica cluster-{1,2,3}; do wait_server "$i" 30 answers "$i"; done
  join_cluster
}

# redis SERVER OPTION...: keeps nothing on disk, refuses writes rather than evict,
# and runs as nobody; nobody may not walk down to this folder, so all is relative.
redis() {
  local server=$1 port
  shift
  answers "$server" && return
  again "$server"
  port=$(port "$server")
  mkdir -p "$run/$server"
  chown "$nobody" "$run/$server"
  ln -sfn "$(redis_server)" "$run/$server/redis-server"
  launch "$server" setpriv --reuid="${nobody%:*}" --regid="${nobody#*:}" --clear-groups --no-new-privs \
    ./redis-server --bind 127.0.0.1 --port "$port" --save '' --appendonly no \
    --maxmemory 512mb --maxmemory-policy noeviction "$@"
}

# join_cluster does what redis-cli --cluster create does, without its waiting.
join_cluster() {
  local i
  for i in 1 2 3; do
    [[ $(ask "cluster-$i" cluster info) == *cluster_slots_assigned:0* ]] || return 0
  done
  for i in 1 2 3; do
    # shellcheck disable=SC2086 # two numbers
    ask "cluster-$i" cluster addslotsrange ${slots[i]} >/dev/null
    ask "cluster-$i" cluster set-config-epoch "$i" >/dev/null
    ((i == 1)) || ask cluster-1 cluster meet 127.0.0.1 "$(port "cluster-$i")" "$(port "bus-$i")" >/dev/null
  done
}

serve_documents() {
  local fsync=on
  if [[ ${MUSTER_SERVERS_FAST:-} == 1 ]]; then
    fsync=off
    say "PostgreSQL runs without fsync: this run proves nothing about durability"
  fi
  if ! answers postgres; then
    again postgres
    [[ -d $root$data/pg ]] || copy_template
    launch postgres "${inside[@]}" "$root" postgres -D "$data/pg" -k "$data/pg" \
      -c "documentdb.localhost_connection_string=host=$data/pg" -c "fsync=$fsync"
    wait_server postgres 60 answers postgres
  fi
  if ! answers ferretdb; then
    again ferretdb
    launch ferretdb "${inside[@]}" "$root" "${ferretdb##*/}" --postgresql-url="postgres://postgres@/postgres?host=$data/pg" \
      --listen-addr="127.0.0.1:$(port ferretdb)" --no-auth --telemetry=disable \
      --debug-addr=- --state-dir="$data" --log-level=WARN
    wait_server ferretdb 60 answers ferretdb
  fi
}

copy_template() {
  rm -rf "$root$data.partial"
  cp -a --reflink=auto "$root/srv/template" "$root$data.partial"
  mv "$root$data.partial" "$root$data"
}

# again SERVER: clears the way for a start, and says so when it is not the first.
again() {
  [[ -f $run/$1.pid ]] || return 0
  say "$1 does not answer: starting it again"
  end "$1"
  if [[ -f $run/$1.port ]] && listening "$(port "$1")"; then
    die "port $(port "$1") of $1 has been taken by another program: stop, then start again"
  fi
}

# answers SERVER: whether it is the process that was started, and does its work.
answers() {
  alive "$1" || return 1
  case $1 in
    postgres) "${inside[@]}" "$root" pg_isready -q -h "$data/pg" ;;
    ferretdb) FERRETDB_LISTEN_ADDR="127.0.0.1:$(port ferretdb)" timeout 10 "$ferretdb" ping >/dev/null 2>&1 ;;
    *) [[ $(ask "$1" ping) == PONG ]] ;;
  esac
}

ask() { timeout 10 redis-cli -h 127.0.0.1 -p "$(port "$1")" "${@:2}" 2>/dev/null || true; }
linked() { [[ $(ask replica info replication) == *master_link_status:up* ]]; }
cluster_ok() { [[ $(ask "$1" cluster info) == *cluster_state:ok* ]]; }

all_alive() {
  local server
  for server in "${servers[@]}"; do alive "$server" || return 1; done
}

all_answer() {
  local server
  for server in "${servers[@]}"; do answers "$server" || return 1; done
  [[ -f $run/env ]] && linked && cluster_ok cluster-1 && cluster_ok cluster-2 && cluster_ok cluster-3
}

write_env() {
  local pids='' server
  for server in "${servers[@]}"; do pids+=" $server=$(pid_of "$server")"; done
  cat >"$run/env.new" <<ENV
export MUSTER_MONGO_URL='mongodb://127.0.0.1:$(port ferretdb)/'
export MUSTER_REDIS_URL='redis://127.0.0.1:$(port redis)/0'
export MUSTER_REDIS_REPLICA_URL='redis://127.0.0.1:$(port replica)/0'
export MUSTER_REDIS_CLUSTER_URL='redis://127.0.0.1:$(port cluster-1)?addr=127.0.0.1:$(port cluster-2)&addr=127.0.0.1:$(port cluster-3)'
export MUSTER_SERVERS_PIDS='${pids# }'
export PATH="\$PATH:$dir/bin" # redis-server, for tests that start their own
ENV
  mv "$run/env.new" "$run/env"
}

print_addresses() { sed -n "s/^export \(MUSTER_[MR][^=]*\)='\(.*\)'/\1  \2/p" "$run/env"; }

status() {
  local server all=0
  for server in "${servers[@]}"; do
    if answers "$server"; then
      echo "$server  process $(pid_of "$server")  answers"
    else
      echo "$server  $(alive "$server" && echo "process $(pid_of "$server")  does not answer" || echo "does not run")"
      all=1
    fi
  done
  return $all
}

stop_all() {
  [[ -d $run ]] || return 0
  end ferretdb postgres replica redis cluster-{1,2,3}
  rm -rf "$run" "$root$data"
  say "stopped"
}

# remove_dead_sets removes what sets left that reached their limit or whose machine
# was restarted, this set too.
remove_dead_sets() {
  local run
  for run in "$dir"/run/*; do
    some_alive || rm -rf "$run" "$root/srv/${run##*/}"
  done
}

# no_set_alive: whether nothing runs from root.
no_set_alive() {
  local run
  for run in "$dir"/run/*; do
    some_alive && return 1
  done
  return 0
}

some_alive() {
  local server
  for server in "${servers[@]}"; do alive "$server" && return; done
  return 1
}
