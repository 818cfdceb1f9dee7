# shellcheck shell=bash
# Processes that are known by id and start time, ports, and waiting.
# Sourced by scripts/servers.sh.

# started PID: when the process started, in ticks since the machine did.
started() {
  local stat
  read -r stat 2>/dev/null <"/proc/$1/stat" || return 1
  read -ra stat <<<"${stat##*) }" # behind the program's name, which may hold spaces
  echo "${stat[19]}"
}

boot=$(</proc/sys/kernel/random/boot_id)

# launch SERVER COMMAND...: starts it in the background, away from this terminal
# and this lock, and bounded in time. The file SERVER.pid says who it is; exec
# changes neither the id nor the start time.
launch() {
  local server=$1
  shift
  rm -f "$run/$server.pid"
  mkdir -p "$run/$server"
  # shellcheck disable=SC2016 # the inner shell expands them
  setsid timeout --signal="$(signal "$server")" --kill-after=30 "$limit" bash -c '
    . "$1/process.sh"
    echo "$$ $(started $$) $boot" >"$2.new" && mv "$2.new" "$2" && cd "$3" || exit 1
    shift 3
    exec "$@"' "$server" "$here" "$run/$server.pid" "$run/$server" "$@" \
    </dev/null >>"$run/$server.log" 2>&1 9>&- &
  wait_for 30 test -s "$run/$server.pid" || die "$server did not start: $(tail -n 1 "$run/$server.log")"
}

# signal SERVER: what asks it to end at once. PostgreSQL would wait for its clients.
signal() { if [[ $1 == postgres ]]; then echo INT; else echo TERM; fi; }

# alive SERVER: whether the process that launch started is still that process.
alive() {
  local pid start since
  read -r pid start since 2>/dev/null <"$run/$1.pid" || return 1
  [[ $since == "$boot" && $start == "$(started "$pid")" ]]
}

dead() { ! alive "$1"; }

pid_of() { cut -d ' ' -f 1 "$run/$1.pid"; }

# end SERVER...: asks them to end, and makes sure of it.
end() {
  local server
  for server; do
    ! alive "$server" || kill -s "$(signal "$server")" "$(pid_of "$server")" 2>/dev/null || true
  done
  for server; do
    if ! wait_for 15 dead "$server" && alive "$server"; then
      say "$server did not end when asked: killing it"
      kill -s KILL "$(pid_of "$server")" 2>/dev/null || true
      wait_for 10 dead "$server" || die "$server (process $(pid_of "$server")) cannot be killed"
    fi
  done
}

# wait_for SECONDS COMMAND...: until it succeeds.
wait_for() {
  local deadline=$((SECONDS + $1))
  shift
  until "$@"; do
    ((SECONDS < deadline)) || return 1
    sleep 0.1
  done
}

# wait_server SERVER SECONDS COMMAND...: the same, but no longer than it lives.
wait_server() {
  local server=$1 seconds=$2
  shift 2
  until_ready() { "$@" || dead "$server"; }
  wait_for "$seconds" until_ready "$@" && alive "$server" && return
  if alive "$server"; then
    die "$server is not ready after $seconds s (see $run/$server.log): stop, then start again"
  fi
  die "$server ended: $(tail -n 1 "$run/$server.log") (see $run/$server.log)"
}

# port SERVER: the port it was given, now or in an earlier start of this set.
port() {
  [[ -s $run/$1.port ]] || free_port >"$run/$1.port"
  cat "$run/$1.port"
}

# free_port: one that nobody listens on and that this set has not given away.
# It lies below those that the kernel hands out for outgoing connections.
free_port() {
  local port
  for _ in {1..200}; do
    port=$((20000 + RANDOM % 10000))
    listening "$port" && continue
    grep -qsx "$port" "$run"/*.port && continue
    echo "$port"
    return
  done
  die "no free port between 20000 and 29999 on 127.0.0.1"
}

listening() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }
