#!/usr/bin/env bash
# Installs the Debian packages of the lists named, those that are missing:
#   hack/tools/packages.sh hack/kube/packages.txt hack/e2e/packages.txt
# Needs root only if one is. Starts no service.
set -euo pipefail

missing=()
while read -r package; do
	dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null | grep -qx installed || missing+=("$package")
done < <(sed -e 's/#.*//' -e '/^[[:space:]]*$/d' "$@")

if ((${#missing[@]} == 0)); then
	exit 0
fi
echo "installing ${missing[*]}" >&2

# Packages ask this program whether their services may start (invoke-rc.d(8)).
# Where the machine has an answer of its own, that one holds.
policy=/usr/sbin/policy-rc.d
if [[ ! -e $policy ]]; then
	trap 'rm -f "$policy"' EXIT
	printf '#!/bin/sh\nexit 101\n' >"$policy"
	chmod 755 "$policy"
fi

export DEBIAN_FRONTEND=noninteractive
# Always, as lists that are only days old name files that are gone; without a
# network what is cached may do.
apt-get update -qq >&2 || echo "package lists could not be refreshed" >&2
apt-get install -y -qq --no-install-recommends "${missing[@]}" >&2
