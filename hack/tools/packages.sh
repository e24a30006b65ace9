#!/usr/bin/env bash
# Installs the Debian packages of the lists named, those that are missing:
#   hack/tools/packages.sh hack/kube/packages.txt hack/e2e/packages.txt
# Needs root only if one is. No service of theirs is started, now or at the next
# boot: Kamailio's would take port 5060. An administrator's policy-rc.d, which is
# asked about that, is left alone.
set -euo pipefail
policy=/usr/sbin/policy-rc.d
mark="# of sipring's packages.sh, for as long as it runs"

missing=()
while read -r package; do
	dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null | grep -qx installed || missing+=("$package")
done < <(sed -e 's/#.*//' -e '/^[[:space:]]*$/d' "$@")

if ((${#missing[@]} == 0)); then
	exit 0
fi
if ((EUID != 0)) || ! command -v apt-get >/dev/null; then
	echo "missing packages, and no root or no apt-get to install them: ${missing[*]}" >&2
	exit 1
fi
echo "installing ${missing[*]}" >&2
# One that was killed may have left its policy.
if [[ ! -e $policy ]] || grep -qxF "$mark" "$policy"; then
	trap 'rm -f "$policy"' EXIT
	printf '#!/bin/sh\n%s\nexit 101\n' "$mark" >"$policy"
	chmod 755 "$policy"
fi
export DEBIAN_FRONTEND=noninteractive
# Always, as lists that are only days old name files that are gone; without a
# network what is cached may do.
apt-get update -qq >&2 || echo "package lists could not be refreshed" >&2
apt-get install -y -qq --no-install-recommends -o DPkg::Lock::Timeout=300 "${missing[@]}" >&2
if command -v systemctl >/dev/null; then
	dpkg -L "${missing[@]}" | sed -n 's|^.*/systemd/system/\([^/]*\.service\)$|\1|p' | sort -u | xargs -r systemctl disable >&2 || true
fi
