#!/usr/bin/env bash
# Tests a running logstow with the clients that its users have, and a store with
# another reader, DuckDB: those of testdata/clients, from npm. Needs Node.js 18 or
# later and npm.
set -euo pipefail
cd "$(dirname "$0")/.."

# Whether there is a Node.js that will do, and npm.
found() {
	command -v npm >/dev/null && command -v node >/dev/null &&
		node -e 'process.exit(parseInt(process.versions.node) < 18 ? 1 : 0)'
}

# Where nothing may be skipped, what is missing is installed if that is possible.
if ! found && [[ -n ${LOGSTOW_NO_SKIP:-}${CI:-} && $EUID -eq 0 ]] && command -v apt-get >/dev/null; then
	echo "make test-clients: installing nodejs and npm"
	apt-get update -qq && apt-get install -y -qq --no-install-recommends nodejs npm || true
fi
if ! found; then
	echo "make test-clients: needs Node.js 18 or later and npm (Debian, Ubuntu: apt-get install nodejs npm)" >&2
	exit 1
fi

cd testdata/clients
if [[ ! node_modules/.package-lock.json -nt package-lock.json ]]; then
	npm ci --ignore-scripts --no-audit --no-fund
	touch node_modules/.package-lock.json
fi
LOGSTOW_BIN=${LOGSTOW_BIN:-$PWD/../../bin/logstow} exec node --test apify.test.js events.test.js duckdb.test.js
