#!/usr/bin/env bash
# Archives the sample records into a folder and shows what can be done with
# them. Everything it makes lies in .demo, which git ignores.
set -euo pipefail
cd "$(dirname "$0")/.."
go=${GO:-go}

demo=$PWD/.demo
rm -rf "$demo"
mkdir -p "$demo"
echo "Building logstow."
"$go" build -trimpath -o "$demo/logstow" ./cmd/logstow

unset "${!LOGSTOW_@}" # nothing of this machine's own
export LOGSTOW_STORE=file://$demo/store LOGSTOW_LEDGER=$demo/ledger.db
export LOGSTOW_CONFIG=$demo/config.yaml
: >"$LOGSTOW_CONFIG"

# Shows a command as one would type it, then runs it.
run() {
	printf '\n$ logstow %s\n' "$*"
	"$demo/logstow" "$@"
}

echo "Archiving the sample records of five platforms into a folder."
status=0
run archive testdata/records || status=$?
if [[ $status -ne 3 ]]; then
	echo "make demo: archive ended with exit status $status, not 3" >&2
	exit 1
fi
echo
echo "Exit status 3: finished, but two records are not JSON (Workato printed them so)."
echo "They are kept byte for byte, in quarantine:"
run quarantine ls

echo
echo "What was archived, newest first:"
run ls --kind job
echo
echo "One of them, as it came (the first lines):"
run cat j-1234ABC | sed -n 1,24p

cat <<END

Each of them is a file of its own below .demo/store. What to try next:

  export LOGSTOW_STORE=$LOGSTOW_STORE LOGSTOW_LEDGER=$LOGSTOW_LEDGER
  alias logstow=$demo/logstow

  logstow archive testdata/records       # again: there is nothing new
  logstow ls --kind activity --limit 5   # what people did
  logstow ls --user 12345 --json         # for programs
  logstow quarantine show 1              # a broken record, byte for byte
  logstow export j-1234ABC --output -    # its lines: time, severity, message
  logstow export --all --format csv --output .demo/jobs.csv
  logstow serve --no-auth                # and then, in another terminal:
  curl 'http://127.0.0.1:8333/v1/jobs?limit=2'
  logstow doctor                         # what this store can do
  logstow archive --help                 # into S3: --store s3://bucket/prefix
END
