#!/usr/bin/env bash
# Builds this machine's Debian package, installs it, tries what it installed,
# and removes it again. Needs root, dpkg and systemd-analyze; without them it
# says what it left out, which LOGSTOW_NO_SKIP makes a failure. It refuses to
# touch a machine on which logstow is installed.
set -euo pipefail
cd "$(dirname "$0")/.."

fail() {
	echo "test-packages: $*" >&2
	exit 1
}

# Ends the test without having done the rest.
leave_out() {
	echo "test-packages: $*: the package was not installed, nor its units checked" >&2
	[[ -z ${LOGSTOW_NO_SKIP:-} ]] || exit 1
	exit 0
}

# Runs a command as somebody who may do nothing, in nobody's environment.
as_nobody() {
	env -i PATH=/usr/bin:/bin HOME=/nonexistent \
		setpriv --reuid=65534 --regid=65534 --clear-groups --no-new-privs "$@"
}

# Runs a command that must end with a certain exit status, and prints what it
# said where it doesn't.
expect() { # STATUS COMMAND...
	local want=$1 got=0
	shift
	"$@" >"$temp/said" 2>&1 || got=$?
	[[ $got -eq $want ]] && return
	cat "$temp/said" >&2
	fail "$* ended with exit status $got, not $want"
}

# Whether what the last command of expect printed contains a text.
said() { # TEXT
	grep -qF -- "$1" "$temp/said" && return
	cat "$temp/said" >&2
	fail "nothing above says: $1"
}

# Which of the package's paths exist, and what else has logstow's name.
present() {
	{
		find /etc /usr /var/lib /var/cache -xdev -ignore_readdir_race -name '*logstow*'
		dpkg-deb --fsys-tarfile "$deb" | tar -t | sed 's|^\.||' | while read -r path; do
			[[ ! -e $path && ! -L $path ]] || echo "$path"
		done
	} | LC_ALL=C sort -u
}

temp=$(mktemp -d)
installed='' made=() # by this test, outside of temp
cleanup() {
	[[ -z $installed ]] || dpkg -P logstow >/dev/null || true
	rm -rf "${made[@]}" "$temp"
}
trap cleanup EXIT
trap 'exit 130' INT TERM

deb=$(DIST=$temp/first bash tools/packages.sh "$("${GO:-go}" env GOHOSTARCH)")
again=$(DIST=$temp/second bash tools/packages.sh "$("${GO:-go}" env GOHOSTARCH)")
cmp "$deb" "$again" || fail "the same files made two packages"

[[ $EUID -eq 0 ]] || leave_out "needs root"
command -v dpkg >/dev/null || leave_out "needs dpkg"
if ! command -v systemd-analyze >/dev/null && command -v apt-get >/dev/null; then
	echo "test-packages: installing systemd, for systemd-analyze"
	apt-get update -qq && apt-get install -y -qq --no-install-recommends systemd >/dev/null || true
fi
command -v systemd-analyze >/dev/null || leave_out "needs systemd-analyze"

for path in /{usr,usr/local}/bin/logstow /etc/logstow /var/lib/logstow /var/lib/private/logstow \
	/{etc,usr/lib,lib}/systemd/system/{,*.wants/}logstow*; do
	[[ ! -e $path && ! -L $path ]] || fail "$path is here already; this test is for a machine without logstow"
done
! dpkg-query -W logstow >/dev/null 2>&1 || fail "dpkg knows a package logstow; this test is for a machine without it"
present >"$temp/before"

# It installs, twice, and starts nothing.
installed=yes
expect 0 dpkg -i "$deb"
echo '# changed by its owner' >>/etc/logstow/config.yaml
expect 0 dpkg -i "$deb"
expect 0 tail -n 1 /etc/logstow/config.yaml
said '# changed by its owner'

# The program is the one that was built, and the configuration as it comes is
# sound but names no store.
expect 0 as_nobody logstow version
expect 0 as_nobody logstow config check
expect 0 as_nobody logstow config check --config /usr/share/doc/logstow/examples/config.yaml
expect 2 as_nobody logstow serve
said 'no store'

# It archives, lists and runs a schedule.
chmod 755 "$temp"
install -d -o 65534 -g 65534 "$temp/work" "$temp/work/records"
install -o 65534 -g 65534 -m 600 testdata/records/virtuousai/*.json "$temp/work/records/"
cat >"$temp/work/config.yaml" <<-END
	store: file://$temp/work/store
	ledger: $temp/work/ledger.db
	archive: {sources: [$temp/work/records]}
	schedules: [{name: nightly, task: archive}]
END
expect 0 as_nobody logstow archive --config "$temp/work/config.yaml"
expect 0 as_nobody logstow run --config "$temp/work/config.yaml" -- nightly
expect 0 as_nobody logstow ls --config "$temp/work/config.yaml"
said run_abc123

# Completion in bash.
expect 0 bash -c 'source /usr/share/bash-completion/completions/logstow && complete -p logstow'

# The units are sound, start what was installed, and are held tight. Of 10.0
# points of exposure they may have 1.5.
units=/usr/lib/systemd/system
expect 0 systemd-analyze verify --man=no --recursive-errors=no \
	$units/logstow.service $units/logstow-run@nightly.service $units/logstow-run@nightly.timer
[[ ! -s $temp/said ]] || { cat "$temp/said" >&2 && fail "systemd-analyze verify finds fault"; }
for unit in logstow.service logstow-run@.service; do
	expect 0 grep -q '^ExecStart=/usr/bin/logstow ' "$units/$unit"
	expect 0 systemd-analyze security --offline=true --threshold=15 "$units/$unit"
done

# Removed, it leaves the configuration; purged, nothing but what was archived.
state=/var/lib/logstow
made=("$state" /etc/systemd/system/{multi-user,timers}.target.wants/logstow{,-run@nightly}.{service,timer})
expect 0 systemctl enable logstow.service logstow-run@nightly.timer
install -d -m 700 "$state"
touch "$state/ledger.db"
expect 0 dpkg -r logstow
expect 0 test -f /etc/logstow/config.yaml
expect 0 dpkg -P logstow
said "$state is kept"
installed=''
expect 0 test -f "$state/ledger.db"
rm -r "$state"
present | diff "$temp/before" - || fail "the package left the above behind"
echo "test-packages: ok: $(basename "$deb") installs, works and goes again"
