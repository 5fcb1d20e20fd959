#!/usr/bin/env bash
# How the report is served: 10,000 checks, a report that changes every second, with and without 200 readers on the live stream, whole and
# by `If-None-Match`. One curl asks again and again on one connection; ratios say more than the figures.
set -euo pipefail
cd "$(dirname "$0")/../.."
cargo build --quiet --release
gate=$PWD/target/release/launchgate
CHECKS=${CHECKS:-10000} READERS=${READERS:-200} ASKED=${ASKED:-300}
dir=$(mktemp -d)
url=http://127.0.0.1:17421/api/v1/launches/readers
trap 'kill $(jobs -p) 2>/dev/null || true; wait 2>/dev/null || true; rm -rf "$dir"' EXIT

{
  printf '%s\n' 'launch: readers' 'title: Readers' 'version: v1' 'go_live: 2030-01-01T09:00:00[UTC]' 'checklists:'
  for list in $(seq 20); do
    printf '%s\n' "  l$list:" "    title: List $list" '    due: T-1d' '    checks:'
    for check in $(seq $((CHECKS / 20))); do
      echo "      c$check: { title: \"Check $check of list $list is as it should be\", probe: filesystem, with: { paths: [/] }, expect: [writable], every: 1h, fresh_for: 1d }"
    done
  done
  # What changes: the report is another one every second.
  printf '%s\n' '  moving:' '    title: What changes' '    due: T-1d' '    checks:' \
    '      free: { title: Free space, probe: filesystem, with: { paths: [/] }, expect: [writable], every: 1s, fresh_for: 1m }'
} > "$dir/readers.yaml"
"$gate" serve --dev --listen 127.0.0.1:17421 --store "$dir/store.db" "$dir/readers.yaml" 2> "$dir/log" &
daemon=$!
daemon=$!
for _ in $(seq 600); do
  curl -sf "$url" 2>/dev/null | grep -q '"verdict":"GO"' && break; sleep 0.2
done
resident() { awk '/VmRSS/ {print $2 / 1024 " MiB"}' "/proc/$daemon/status"; }

ask() { # name header...
  local name=$1; shift
  for _ in $(seq "$ASKED"); do echo "url = \"$url${path:+/$path}\""; echo "output = /dev/null"; done > "$dir/curl"
  curl -s "$@" -w '%{time_total} %{http_code} %{size_download}\n' -K "$dir/curl" > "$dir/times"
  sort -n "$dir/times" | awk -v name="$name" -v n="$ASKED" '{ sum += $1; t[NR] = $1; code[$2]++; bytes += $3 }
    END { for (c in code) codes = codes " " code[c] "x" c
      printf "  %s: p50 %.1f ms, p99 %.1f ms, %.0f a second, %.0f bytes each,%s\n", name, t[int(n * .5)] * 1000, t[int(n * .99)] * 1000, n / sum, bytes / n, codes }'
}

measure() {
  path=report; ask "the report as JSON"
  path='report?format=html'; ask "the report as HTML"
  path=''; ask "the summary"
  path=report
  # What a poller does: it asks with the tag of the last answer, and takes the new one when there is one.
  : > "$dir/tag"; : > "$dir/times"
  for _ in $(seq "$ASKED"); do
    curl -s -o /dev/null --etag-compare "$dir/tag" --etag-save "$dir/tag" -w '%{time_total} %{http_code} %{size_download}\n' "$url/report" >> "$dir/times"
  done
  sort -n "$dir/times" | awk -v n="$ASKED" '{ t[NR] = $1; code[$2]++; bytes += $3 }
    END { printf "  the report by its tag: p50 %.1f ms, p99 %.1f ms, %.0f %% not modified, %.0f bytes each\n", t[int(n * .5)] * 1000, t[int(n * .99)] * 1000, 100 * code[304] / n, bytes / n }'
}

echo "$CHECKS checks, nobody on the live stream; $(resident) resident"
measure
for _ in $(seq "$READERS"); do curl -sN "$url/events" -o /dev/null & done
for _ in $(seq 100); do
  open=$(curl -s http://127.0.0.1:17421/metrics | awk '/^launchgate_live_streams /{print $2}'); [ "${open:-0}" = "$READERS" ] && break; sleep 0.1
done
echo "$CHECKS checks, $READERS readers of the live stream (${open:-?} by its own count); $(resident) resident"
measure
echo "  $(resident) resident at the end"
