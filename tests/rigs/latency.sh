#!/usr/bin/env bash
# How long from the look that decides to the rollback: to its first step's STARTED, and to its script's first instruction. 200 firings
# of as many launches in one daemon, one after another, by real breaches; idle, and again beside 10,000 other checks every 30 s.
# Needs nginx, curl and jq.
set -euo pipefail
cd "$(dirname "$0")/../.."
cargo build --quiet --release
gate=$PWD/target/release/launchgate
firings=${FIRINGS:-200}
others=${OTHERS:-10000}
port=17423
# All launches are begun at once by one client.
export LAUNCHGATE__WEB__RATE__ORDERS_PER_SECOND=0
dir=$(mktemp -d)
trap 'kill $(jobs -p) 2>/dev/null || true; wait; rm -rf "$dir"' EXIT

mkdir "$dir/www"
cat > "$dir/nginx.conf" <<N
daemon off; master_process off; pid $dir/nginx.pid; error_log /dev/null;
events { worker_connections 4096; }
http { access_log off; client_body_temp_path $dir; proxy_temp_path $dir; fastcgi_temp_path $dir; uwsgi_temp_path $dir; scgi_temp_path $dir;
  server { listen 127.0.0.1:18090; root $dir/www; location = / { return 200 ok; } } }
N
PATH="$PATH:/usr/sbin" nginx -c "$dir/nginx.conf" &

# The launch `lN` rolls back when its page is gone for two seconds.
launch() { # number
  cat <<L
launch: l$1
title: Launch $1
version: v2
previous_version: v1
go_live: 2030-01-01T09:00:00[UTC]
people: { incident_commander: [alice] }
checklists:
  live:
    title: Live
    due: H+1h
    checks:
      page: { title: The page is there, probe: http, with: { url: "http://127.0.0.1:18090/$1" }, expect: ["status == 200"], every: 1s }
triggers:
  gone: { watch: { check: page, breach: "status == 404" }, for: 2s, mode: act, run: rollback, arm_delay: 0s }
procedures:
  rollback: { steps: [{ step: revert, do: exec, with: { command: [bash, -c, 'echo \$EPOCHREALTIME > $dir/ran-$1'] } }] }
L
}
mkdir "$dir/launches"
for n in $(seq "$firings"); do launch "$n" > "$dir/launches/l$n.yaml"; done
{
  echo "launch: others"; echo "title: Others"; echo 'version: v1'; echo 'go_live: 2030-01-01T09:00:00[UTC]'; echo 'checklists:'
  echo '  all:'; echo '    title: All'; echo '    due: T-1d'; echo '    checks:'
  for i in $(seq "$others"); do
    echo "      c$i: { title: C, probe: http, with: { url: \"http://127.0.0.1:18090/\" }, expect: [\"status == 200\"], every: 30s, fresh_for: 10m }"
  done
} > "$dir/others.yaml"

api() { curl -sf -H 'x-launchgate-person: alice' "http://127.0.0.1:$port/api/v1/launches/$1"; }
order() { curl -sf -o /dev/null -H 'x-launchgate-person: alice' --json "$2" "http://127.0.0.1:$port/api/v1/launches/$1"; }
until_true() { local n=$1; shift; for _ in $(seq "$n"); do "$@" && return; sleep 0.1; done; echo "never: $*" >&2; return 1; }
passes() { api "$1/report" | jq -e '.checklists | all(.[]; .verdict == "GO")' > "$dir/out"; }
watches() { api "$1/report" | jq -e '.triggers[0].state == "watching"' > "$dir/out"; }

# The quantile of the numbers in a file, one a line, in milliseconds.
quantile() { sort -n "$1" | awk -v q="$2" '{ v[NR] = $1 } END { i = int(NR * q + 0.999999); printf "%.2f", v[i < 1 ? 1 : i] }'; }

measure() { # name [more launch files]
  local name=$1; shift
  rm -rf "$dir"/store.db* "$dir"/ran-* "$dir"/*.ms
  for n in $(seq "$firings"); do echo ok > "$dir/www/$n"; done
  "$gate" serve --dev --listen "127.0.0.1:$port" --store "$dir/store.db" "$dir/launches" "$@" 2> "$dir/log" &
  local daemon=$!
  until_true 600 curl -sfo "$dir/out" "http://127.0.0.1:$port/readyz"
  if [ $# -gt 0 ]; then until_true 1200 passes others; fi
  for n in $(seq "$firings"); do until_true 100 passes "l$n"; order "l$n/milestones" '{"milestone":"deploy_started"}'; done
  until_true 100 watches "l$firings"
  local began cpu; began=$(date +%s.%N); cpu=$(awk '{print $14 + $15}' "/proc/$daemon/stat")
  for n in $(seq "$firings"); do rm "$dir/www/$n"; sleep 0.2; done
  for n in $(seq "$firings"); do until_true 200 test -s "$dir/ran-$n"; done
  cpu=$(echo "($(awk '{print $14 + $15}' "/proc/$daemon/stat") - $cpu) / ($(date +%s.%N) - $began)" | bc)
  for n in $(seq "$firings"); do
    # The run's own time is when its first step was recorded as STARTED; the look that decided is the last one before it.
    local at; at=$(api "l$n/runs" | jq -r '.runs[0].at')
    api "l$n/checks/live/page" | jq -r '.history[].at.wall' > "$dir/looks"
    local decided; decided=$({ echo "$at"; cat "$dir/looks"; } | tr -d Z | LC_ALL=C sort | grep -B1 -Fx "${at%Z}" | head -1)
    local d s; d=$(date -d "${decided}Z" +%s%N); s=$(date -d "$at" +%s%N)
    echo "$(( s - d ))" | awk '{ printf "%.3f\n", $1 / 1e6 }' >> "$dir/started.ms"
    awk -v d="$d" '{ sub(/[.,]/, "", $1); printf "%.3f\n", ($1 * 1000 - d) / 1e6 }' "$dir/ran-$n" >> "$dir/script.ms"
  done
  echo "$name, $(wc -l < "$dir/started.ms") firings: look to STARTED p50 $(quantile "$dir/started.ms" 0.5) ms, p99 $(quantile "$dir/started.ms" 0.99) ms;" \
    "look to the script's first instruction p50 $(quantile "$dir/script.ms" 0.5) ms, p99 $(quantile "$dir/script.ms" 0.99) ms; processor $cpu % of one core"
  kill "$daemon"; wait "$daemon" 2>/dev/null || true
}

measure "idle"
measure "beside $others checks every 30 s" "$dir/others.yaml"
