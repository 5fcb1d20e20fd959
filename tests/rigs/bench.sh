#!/usr/bin/env bash
# Figures of the whole daemon on this machine: looks per second beside prometheus-blackbox-exporter in the same run, resident memory
# with 1,000 checks, and how fast the report is served. Ratios say more than the figures: machines differ.
set -euo pipefail
cd "$(dirname "$0")/../.."
cargo build --quiet --release
gate=$PWD/target/release/launchgate
dir=$(mktemp -d)
trap 'kill $(jobs -p) 2>/dev/null || true; wait; rm -rf "$dir"' EXIT

# A target: nginx over HTTP and HTTPS.
key() { openssl ecparam -name prime256v1 -genkey -noout -out "$dir/$1"; }
key ca.key; key key.pem
openssl req -x509 -new -key "$dir/ca.key" -days 30 -subj /CN=bench -out "$dir/ca.pem" 2>/dev/null
openssl req -new -key "$dir/key.pem" -subj /CN=localhost -out "$dir/csr" 2>/dev/null
echo 'subjectAltName=DNS:localhost,IP:127.0.0.1' > "$dir/ext"
openssl x509 -req -in "$dir/csr" -CA "$dir/ca.pem" -CAkey "$dir/ca.key" -CAcreateserial -days 30 -extfile "$dir/ext" -out "$dir/cert.pem" 2>/dev/null

cat > "$dir/nginx.conf" <<N
daemon off; master_process off; pid $dir/nginx.pid; error_log /dev/null;
events { worker_connections 4096; }
http { access_log off; client_body_temp_path $dir; proxy_temp_path $dir; fastcgi_temp_path $dir; uwsgi_temp_path $dir; scgi_temp_path $dir;
  server { listen 127.0.0.1:18080; return 200 ok; }
  server { listen 127.0.0.1:18443 ssl; ssl_certificate $dir/cert.pem; ssl_certificate_key $dir/key.pem; return 200 ok; } }
N
PATH="$PATH:/usr/sbin" nginx -c "$dir/nginx.conf" &
printf '%s\n' '$ORIGIN example.test.' '@ 300 IN SOA ns1 host 1 3600 600 86400 60' '@ 300 IN NS ns1' 'ns1 300 IN A 127.0.0.1' \
  'www 300 IN A 192.0.2.7' > "$dir/zone"
cat > "$dir/nsd.conf" <<N
server:
  ip-address: 127.0.0.1@18053
  username: ""
  chroot: ""
  server-count: 1
  zonesdir: "$dir"
  database: ""
  pidfile: "$dir/nsd.pid"
  zonelistfile: "$dir/zone.list"
  xfrdfile: "$dir/xfrd.state"
  xfrdir: "$dir"
  rrl-ratelimit: 0
remote-control:
  control-enable: no
zone:
  name: "example.test"
  zonefile: "zone"
N
PATH="$PATH:/usr/sbin" nsd -d -c "$dir/nsd.conf" > "$dir/nsd.log" 2>&1 &
cat > "$dir/blackbox.yml" <<N
modules:
  http: {prober: http, timeout: 5s, http: {tls_config: {ca_file: $dir/ca.pem}}}
  dns: {prober: dns, timeout: 5s, dns: {query_name: www.example.test, query_type: A, transport_protocol: udp}}
N
prometheus-blackbox-exporter --config.file="$dir/blackbox.yml" --web.listen-address=127.0.0.1:19115 --log.level=error &
exporter=$!
for port in 18080 18443 19115; do
  for _ in $(seq 100); do (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null && break; sleep 0.1; done
done

# The head of a launch file, and one with `count` checks of one address.
head_of() {
  echo "launch: $1"; echo "title: $1"; echo 'version: v1'; echo 'go_live: 2030-01-01T09:00:00[UTC]'; echo 'checklists:'
  echo '  all:'; echo '    title: All'; echo '    due: T-1d'; echo '    checks:'
}
launch() { # name count url every
  head_of "$1"
  for i in $(seq "$2"); do
    echo "      c$i: { title: C, probe: http, with: { url: \"$3\", ca_file: $dir/ca.pem }, expect: [\"status == 200\"], every: $4, fresh_for: 10m }"
  done
}

seconds() { local start end; start=$(date +%s.%N); "$@" > "$dir/out" || [ $? -le 2 ]; end=$(date +%s.%N); echo "$end - $start" | bc; }
# Like `seconds`, with the processor's own beside it: `elapsed used`.
both() { local TIMEFORMAT='%R %U %S'; { time "$@" > "$dir/out" || [ $? -le 2 ]; } 2>&1 | tail -1 | awk '{ print $1, $2 + $3 }'; }
# Processor seconds that a running process has used.
used() { awk -v hz="$(getconf CLK_TCK)" '{ print ($14 + $15) / hz }' "/proc/$1/stat"; }
# How much one look costs in each, from the processor seconds of 2,000.
cost() { awk -v ours="$1" -v theirs="$2" 'BEGIN { printf "  processor per look: launchgate %.0f us, blackbox_exporter %.0f us, ratio %.2f\n", ours * 500, theirs * 500, theirs / ours }'; }
rate() { echo "scale=0; $1 / $2" | bc; }

blackbox() { # count url: asks the exporter for as many looks, eight at a time
  seq "$1" | xargs -P 8 -n 50 sh -c 'u=$0; shift 0; for _; do echo "url = \"http://127.0.0.1:19115/probe?module='"${3:-http}"'&target='"$2"'\""; echo "output = /dev/null"; done | curl -s -K -'
}

for scheme in http https; do
  port=18080; [ $scheme = https ] && port=18443
  launch "bench-$scheme" 2000 "$scheme://localhost:$port/" 1m > "$dir/$scheme.yaml"
  read -r empty idle < <(both "$gate" validate "$dir/$scheme.yaml")
  read -r ours busy < <(both "$gate" check "$dir/$scheme.yaml" --format json)
  passed=$(grep -c '"outcome": "pass"' "$dir/out" || true)
  before=$(used $exporter)
  theirs=$(seconds blackbox 2000 "$scheme://localhost:$port/")
  after=$(used $exporter)
  curl -s "http://127.0.0.1:19115/probe?module=http&target=$scheme://localhost:$port/" | grep -q '^probe_success 1' || echo "$scheme: blackbox_exporter's looks fail"
  echo "$scheme: $passed of 2000 pass; 2000 looks by launchgate check in $ours s ($empty s of it compiles the file): $(rate 2000 "($ours - $empty)")/s;" \
    "by blackbox_exporter in $theirs s: $(rate 2000 "$theirs")/s; ratio $(echo "scale=2; $theirs / ($ours - $empty)" | bc)"
  cost "$(echo "$busy - $idle" | bc)" "$(echo "$after - $before" | bc)"
done

head_of bench-dns > "$dir/dns.yaml"
for i in $(seq 2000); do
  echo "      c$i: { title: C, probe: dns, with: { name: www.example.test, type: A, resolvers: [\"127.0.0.1:18053\"], name_servers: [] }, expect: [\"answers == [192.0.2.7]\"] }"
done >> "$dir/dns.yaml"
read -r empty idle < <(both "$gate" validate "$dir/dns.yaml")
read -r ours busy < <(both "$gate" check "$dir/dns.yaml" --format json)
passed=$(grep -c '"outcome": "pass"' "$dir/out" || true)
before=$(used $exporter)
theirs=$(seconds blackbox 2000 127.0.0.1:18053 dns)
after=$(used $exporter)
echo "dns: $passed of 2000 pass; 2000 looks by launchgate check in $ours s ($empty s of it compiles the file): $(rate 2000 "($ours - $empty)")/s;" \
  "by blackbox_exporter in $theirs s: $(rate 2000 "$theirs")/s; ratio $(echo "scale=2; $theirs / ($ours - $empty)" | bc)"
cost "$(echo "$busy - $idle" | bc)" "$(echo "$after - $before" | bc)"

# Targets that swallow every connection, beside others: nobody accepts, and the queue is full.
cat > "$dir/holes.py" <<P
import select, socket, sys
held = []
for i in range(int(sys.argv[1])):
    hole = socket.socket(); hole.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    hole.bind((f"127.0.1.{i + 1}", 18099)); hole.listen(0); held.append(hole)
    for _ in range(2):
        guest = socket.socket(); guest.setblocking(False); guest.connect_ex(hole.getsockname()); held.append(guest)
print("ready", flush=True); select.select([], [], [])
P
python3 "$dir/holes.py" 50 > "$dir/holes.out" &
for _ in $(seq 50); do grep -q ready "$dir/holes.out" && break; sleep 0.1; done
crowd() { # name of-which-silent
  head_of "$1"
  for i in $(seq 450); do echo "      c$i: { title: C, probe: http, with: { url: \"http://localhost:18080/\" }, expect: [\"status == 200\"], every: 5s }"; done
  for i in $(seq "$2"); do echo "      h$i: { title: H, probe: http, with: { url: \"http://127.0.1.$i:18099/\" }, expect: [\"status == 200\"], every: 5s, timeout: 4s }"; done
}
for holes in 0 50; do
  crowd "bench-$holes" $holes > "$dir/crowd.yaml"
  began=$(date +%s.%N)
  "$gate" serve --dev --listen 127.0.0.1:17420 --store "$dir/crowd-$holes.db" "$dir/crowd.yaml" 2> /dev/null &
  daemon=$!
  for _ in $(seq 400); do
    seen=$(curl -s http://127.0.0.1:17420/api/v1/launches/bench-$holes/report | grep -o '"outcome":"pass"' | wc -l) || true
    [ "${seen:-0}" -ge 450 ] && break; sleep 0.02
  done
  echo "450 http checks beside $holes silent targets: all 450 have passed $(echo "$(date +%s.%N) - $began" | bc) s after the daemon was started"
  delays() { curl -s http://127.0.0.1:17420/metrics | awk '/^launchgate_look_start_delay_seconds_bucket.*lane="quick"/ { match($1, /le="[^"]*"/); print substr($1, RSTART + 4, RLENGTH - 5), $2 }'; }
  sleep 20; delays > "$dir/before"; sleep 40; delays > "$dir/after"
  paste "$dir/before" "$dir/after" | awk -v holes=$holes '{ n[$1] = $4 - $2; last = $4 - $2; order[++k] = $1 }
    END { for (q = 1; q <= 2; q++) { want = q == 1 ? 0.5 : 0.99; for (i = 1; i <= k; i++) if (n[order[i]] >= want * last) { bound[q] = order[i]; break } }
      printf "  of %d looks at the others, half began within %s s of being due, 99 %% within %s s\n", last, bound[1], bound[2] }'
  kill $daemon; wait $daemon 2>/dev/null || true
done

launch bench-memory 1000 http://localhost:18080/ 30s > "$dir/memory.yaml"
"$gate" serve --dev --listen 127.0.0.1:17420 --store "$dir/store.db" "$dir/memory.yaml" 2> /dev/null &
daemon=$!
for _ in $(seq 300); do
  "$gate" report --url http://127.0.0.1:17420 --format json 2>/dev/null | grep -q '"verdict": "GO"' && break; sleep 0.2
done
echo "memory with 1,000 checks, every 30 s: $(awk '/VmRSS/ {print $2 / 1024}' /proc/$daemon/status) MiB resident"
for _ in $(seq 500); do echo 'url = "http://127.0.0.1:17420/api/v1/launches/bench-memory/report"'; echo 'output = /dev/null'; done > "$dir/curl"
curl -s -w '%{time_total}\n' -K "$dir/curl" | sort -n > "$dir/times"
echo "report as JSON with 1,000 checks, 500 requests on one connection: p50 $(sed -n 250p "$dir/times") s, p99 $(sed -n 495p "$dir/times") s," \
  "$(curl -s http://127.0.0.1:17420/api/v1/launches/bench-memory/report | wc -c) bytes"
before=$(awk '{print $14 + $15}' /proc/$daemon/stat); sleep 30; after=$(awk '{print $14 + $15}' /proc/$daemon/stat)
echo "processor with 1,000 http checks every 30 s: $(echo "scale=1; ($after - $before) / 30" | bc) % of one core"
kill $daemon; wait $daemon 2>/dev/null || true

# From the look that decides to the rollback script's first instruction, idle and beside 10,000 other checks.
tests/rigs/latency.sh
# The report of 10,000 checks, with 200 readers on the live stream.
tests/rigs/readers.sh
