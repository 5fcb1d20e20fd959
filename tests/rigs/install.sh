#!/usr/bin/env bash
# Installs the Debian packages whose servers the integration tests start on loopback.
# Idempotent: a second run finds every command and touches nothing. It never starts a service.
set -euo pipefail

# Debian's daemons live in sbin, which an ordinary user's PATH leaves out.
PATH="$PATH:/usr/local/sbin:/usr/sbin:/sbin"

# command:package
WANTED=(
  prometheus:prometheus
  prometheus-alertmanager:prometheus-alertmanager
  prometheus-blackbox-exporter:prometheus-blackbox-exporter
  nsd:nsd
  unbound:unbound
  dnsdist:dnsdist
  dig:bind9-dnsutils
  dnssec-signzone:bind9-utils
  nginx:nginx-light
  haproxy:haproxy
  postgres:postgresql-15
  etcd:etcd-server # speaks the gRPC health protocol
  mariadbd:mariadb-server-core
  mariadb:mariadb-client-core
  redis-server:redis-server
  redis-cli:redis-tools
  pgbackrest:pgbackrest
  restic:restic
  borg:borgbackup
  barman:barman
  faketime:faketime # makes an old backup without waiting for one
  jsonschema:python3-jsonschema # judges the schema of launch files
  aiosmtpd:python3-aiosmtpd # takes mail
  chromium:chromium # opens the pages
  chromedriver:chromium-driver
  npm:npm # fetches axe-core, which judges them
  venv:python3-venv # for schemathesis, which tries the API
  mandoc:mandoc # reads the manual page as strictly as it can be read
  openssl:openssl
  curl:curl
)
POLICY=/usr/sbin/policy-rc.d

# Debian keeps PostgreSQL's programs in a folder per version, outside PATH.
present() {
  if [ "$1" = postgres ]; then
    compgen -G '/usr/lib/postgresql/*/bin/postgres' >/dev/null || command -v postgres >/dev/null
  elif [ "$1" = venv ]; then
    python3 -c 'import ensurepip' 2>/dev/null
  else
    command -v "$1" >/dev/null
  fi
}

as_root() {
  if [ "$(id -u)" -eq 0 ]; then "$@"; else sudo "$@"; fi
}

commands=()
packages=()
for entry in "${WANTED[@]}"; do
  if ! present "${entry%%:*}"; then
    commands+=("${entry%%:*}")
    packages+=("${entry##*:}")
  fi
done

# What no package of Debian has, in a folder that is not kept.
AXE_CORE=4.10.3
SCHEMATHESIS=4.32.5
OPENAPI_SPEC_VALIDATOR=0.9.0
fetch() {
  local folder
  folder="$(dirname "$0")/../../target/rigs"
  if ! [ -x "$folder/venv/bin/schemathesis" ]; then
    python3 -m venv "$folder/venv"
    "$folder/venv/bin/pip" install --quiet --disable-pip-version-check \
      "schemathesis==$SCHEMATHESIS" "openapi-spec-validator==$OPENAPI_SPEC_VALIDATOR"
  fi
  if ! grep -qs "\"version\": \"$AXE_CORE\"" "$folder/node_modules/axe-core/package.json"; then
    mkdir -p "$folder"
    npm install --silent --no-audit --no-fund --prefix "$folder" "axe-core@$AXE_CORE"
  fi
}

if [ "${#commands[@]}" -eq 0 ]; then
  echo "rigs: every command is already here"
  fetch
  exit 0
fi

if ! command -v apt-get >/dev/null; then
  echo "rigs: this is not a Debian system; the integration tests need these commands: ${commands[*]}" >&2
  echo "rigs: tests whose command is missing are skipped, loudly (and fail when CI=true)" >&2
  if [ "${CI:-}" = true ]; then exit 1; fi
  exit 0
fi

# Without this file Debian starts each daemon as it installs it, on every interface.
if [ ! -e "$POLICY" ]; then
  trap 'as_root rm -f "$POLICY"' EXIT
  printf '#!/bin/sh\nexit 101\n' | as_root tee "$POLICY" >/dev/null
  as_root chmod 755 "$POLICY"
fi

as_root apt-get -o DPkg::Lock::Timeout=300 update -q

# A release that has another PostgreSQL than 15 (Ubuntu, a later Debian) gets its own.
for i in "${!packages[@]}"; do
  if [ "${packages[$i]}" = postgresql-15 ] && ! apt-cache show postgresql-15 >/dev/null 2>&1; then
    packages[i]=postgresql
  fi
done

echo "rigs: installing ${packages[*]}"
as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends \
  -o DPkg::Lock::Timeout=300 "${packages[@]}"

missing=()
for command in "${commands[@]}"; do
  present "$command" || missing+=("$command")
done
if [ "${#missing[@]}" -ne 0 ]; then
  echo "rigs: still missing after the installation: ${missing[*]}" >&2
  exit 1
fi
fetch
