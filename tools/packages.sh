#!/usr/bin/env bash
# Builds dist/logstow_VERSION_ARCH.deb for amd64 and arm64, or for the
# architectures that are named. The same commit makes the same bytes, wherever
# and whenever that is. DIST names another folder than dist.
set -euo pipefail
cd "$(dirname "$0")/.."
go=${GO:-go}
dist=$(realpath -m "${DIST:-dist}")
[[ $# -gt 0 ]] || set -- amd64 arm64

# Without a repository, as in an unpacked archive, there is no commit to name.
vcs=true
if ! SOURCE_DATE_EPOCH=$(git log -1 --format=%ct 2>/dev/null); then
	echo "packages.sh: git knows no commit of $PWD, so the version is 0.0.0~devel" >&2
	vcs=false SOURCE_DATE_EPOCH=$(stat -c %Y CHANGELOG.md)
fi
export SOURCE_DATE_EPOCH CGO_ENABLED=0 GOOS=linux
umask 022
stage=$(mktemp -d)
trap 'rm -rf "$stage"' EXIT
mkdir -p "$dist"
nfpm=$(GOOS='' "$go" tool -modfile=tools/nfpm.mod -n nfpm)

# The program for one architecture. Its version is that of the commit.
program() { # ARCH FILE
	GOARCH=$1 "$go" build -buildvcs=$vcs -trimpath -ldflags='-s -w' -o "$2" ./cmd/logstow
}

# The version of a program as dpkg orders it: v1.2.0-rc.1 comes before v1.2.0,
# and v0.0.0-20260102030405-abcdef before every release.
debian_version() { # FILE
	"$go" version -m "$1" | awk '$1 == "mod" { print $3 }' |
		sed -e 's/^(devel)$/0.0.0-devel/' -e 's/^v//' -e 's/-/~/' -e 's/-/./g'
}

# Everything in the package but the program, below root.
lay_out() { # ROOT
	local doc=$1/usr/share/doc/logstow share=$1/usr/share
	install -D -m 644 deploy/package/config.yaml "$1/etc/logstow/config.yaml"
	install -D -m 644 -t "$doc" README.md docs/*.md deploy/package/copyright
	install -D -m 644 -t "$doc/examples" deploy/alerts.yaml deploy/crontab.example
	install -m 644 deploy/config.example.yaml "$doc/examples/config.yaml"
	gzip -9nc CHANGELOG.md >"$doc/changelog.gz"
	GO=$go bash tools/licences.sh | gzip -9nc >"$doc/licences.gz"
	mkdir -p "$1/usr/lib/systemd/system" "$share/bash-completion/completions" \
		"$share/zsh/vendor-completions" "$share/fish/vendor_completions.d"
	for unit in deploy/systemd/*; do
		sed 's|^ExecStart=/usr/local/bin/|ExecStart=/usr/bin/|' "$unit" >"$1/usr/lib/systemd/system/${unit##*/}"
	done
	"$stage/native" completion bash >"$share/bash-completion/completions/logstow"
	"$stage/native" completion zsh >"$share/zsh/vendor-completions/_logstow"
	"$stage/native" completion fish >"$share/fish/vendor_completions.d/logstow.fish"
}

program "$("$go" env GOHOSTARCH)" "$stage/native"
lay_out "$stage/root"
install -D -m 755 -t "$stage/scripts" deploy/package/{postinst,prerm,postrm}
mkdir "$stage/root/usr/bin"
for arch; do
	program "$arch" "$stage/root/usr/bin/logstow"
	VERSION=$(debian_version "$stage/root/usr/bin/logstow")
	deb=$dist/logstow_${VERSION}_$arch.deb
	(cd "$stage" && ARCH=$arch VERSION=$VERSION "$nfpm" package -f "$OLDPWD/deploy/nfpm.yaml" -p deb -t "$deb" >/dev/null)
	echo "$deb"
done
