#!/usr/bin/env bash
# test-servers.sh [-faults] PACKAGE...: runs suites on real servers, started for
# this run alone and ended with it. An address that is set already is kept, so that
# a MongoDB or a Redis of your own may stand in; when all four are, none is started.
# The faults that need the servers are run too, bounded by FAULT_ROUNDS (default 4);
# with -faults they alone, all of them unless it is set, and FAULT_TABLE is written.
set -euo pipefail
cd "$(dirname "$0")/.."
addresses=(MUSTER_MONGO_URL MUSTER_REDIS_URL MUSTER_REDIS_REPLICA_URL MUSTER_REDIS_CLUSTER_URL)
given=()
for address in "${addresses[@]}"; do
  [[ -z ${!address:-} ]] || given+=("$address=${!address}")
done
if ((${#given[@]} < ${#addresses[@]})); then
  export MUSTER_SERVERS_NAME=test-$$
  trap 'scripts/servers.sh stop' EXIT
  scripts/servers.sh start
  env=$(scripts/servers.sh env)
  eval "$env"
  ((${#given[@]} == 0)) || export "${given[@]}"
fi
if [[ ${1:-} != -faults ]]; then
  go run ./scripts/servertests "$@"
  export FAULT_ROUNDS=${FAULT_ROUNDS:-4}
fi
go run ./scripts/servertests -faults
