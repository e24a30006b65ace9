#!/usr/bin/env bash
# Builds the named tools, pinned in versions.txt, into bin/. What is there at
# the right version is left alone.
#
#   install.sh controller-gen golangci-lint
#
# Each is installed as PACKAGE@VERSION, outside any module of ours: it is then
# built with the dependencies its authors tested and reports its true version,
# which controller-gen writes into every CRD.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
bin=$(cd "$here/../.." && pwd)/bin
mkdir -p "$bin"

if (($# == 0)); then
	echo "usage: ${0##*/} TOOL...; there are:" >&2
	sed -e 's/#.*//' -e '/^[[:space:]]*$/d' "$here/versions.txt" >&2
	exit 2
fi

install() {
	local tool=$1 package version stamp
	read -r _ package version < <(grep -E "^$tool[[:space:]]" "$here/versions.txt") || {
		echo "no tool $tool in versions.txt" >&2
		return 1
	}
	# A new Go may not accept what an older one's lint was built with.
	stamp="$version $(go env GOVERSION)"
	if [[ -x $bin/$tool && -f $bin/.$tool.stamp && $(<"$bin/.$tool.stamp") == "$stamp" ]]; then
		return
	fi
	echo "building $tool $version" >&2
	# GOFLAGS of the caller, such as -mod=vendor, do not fit another module.
	(cd / && GOFLAGS='' GOBIN=$bin CGO_ENABLED=0 nice -n 10 \
		go install -trimpath -ldflags "-s -w $(flags "$tool" "$version")" "$package@$version")
	echo "$stamp" >"$bin/.$tool.stamp"
}

# flags prints what a tool needs to know its own version.
flags() {
	case $1 in
	helm) echo "-X helm.sh/helm/v4/internal/version.version=$2" ;;
	esac
}

# Two at once would build the same thing twice.
exec 9>"$bin/.tools.lock"
flock 9
for tool in "$@"; do
	install "$tool"
done
