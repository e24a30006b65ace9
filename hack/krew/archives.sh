#!/usr/bin/env bash
# Builds the plugin of kubectl for each platform, and its manifest for krew, into a
# folder:
#
#   archives.sh VERSION FOLDER [OS/ARCH...]
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
if (($# < 2)); then
	echo "usage: ${0##*/} VERSION FOLDER [OS/ARCH...]" >&2
	exit 2
fi
version=$1 dist=$2
shift 2
if (($# == 0)); then
	set -- linux/amd64 linux/arm64 darwin/amd64 darwin/arm64 windows/amd64
fi
from=https://github.com/sipring/sipring/releases/download/$version

mkdir -p "$dist"
manifest=$dist/sip.yaml
sed -e '/^#/d' -e "s/VERSION/$version/" hack/krew/sip.yaml >"$manifest"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
for platform in "$@"; do
	os=${platform%/*} arch=${platform#*/} program=kubectl-sip
	[[ $os == windows ]] && program+=.exe
	rm -rf "${work:?}"/*
	CGO_ENABLED=0 GOOS=$os GOARCH=$arch go build -trimpath -ldflags "-s -w -X main.Version=$version" -o "$work/$program" ./cmd/kubectl-sip
	cp LICENSE hack/krew/kubectl_complete-sip "$work"
	archive=kubectl-sip-$os-$arch.tar.gz
	tar --sort=name --owner=0 --group=0 --numeric-owner --mtime=@0 -C "$work" -c "$program" kubectl_complete-sip LICENSE | gzip -n >"$dist/$archive"
	cat >>"$manifest" <<-END
		  - selector:
		      matchLabels: {os: $os, arch: $arch}
		    uri: $from/$archive
		    sha256: $(sha256sum "$dist/$archive" | cut -d' ' -f1)
		    bin: $program
	END
done
