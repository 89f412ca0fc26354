#!/usr/bin/env bash
# Prints the licences of all that the program contains: Go's, and those of the
# modules whose packages it imports.
set -euo pipefail
cd "$(dirname "$0")/.."
go=${GO:-go}

printf '== The Go programming language\n\n'
cat "$("$go" env GOROOT)/LICENSE"
"$go" list -deps -f '{{with .Module}}{{if not .Main}}{{.Path}} {{.Version}} {{.Dir}}{{end}}{{end}}' ./cmd/logstow |
	LC_ALL=C sort -u | while read -r module version dir; do
	files=$(find "$dir" -maxdepth 1 -type f \( -iname 'LICEN[CS]E*' -o -iname 'COPYING*' -o -iname 'NOTICE*' \) | LC_ALL=C sort)
	if [[ -z $files ]]; then
		echo "licences.sh: $module $version comes without a licence" >&2
		exit 1
	fi
	printf '\n== %s %s\n\n' "$module" "$version"
	xargs -d '\n' cat <<<"$files"
done
