# shellcheck shell=bash
# A virtual environment for each version, side by side: the one that runs is never written to.
export PIP_USE_PEP517=1 PIP_DISABLE_PIP_VERSION_CHECK=1 # the first for sdnotify, which comes as a source alone

python_with_venv() { # an interpreter that can make virtual environments
  python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || die "Python 3.11 or newer is needed as python3"
  python3 -c 'import ensurepip, venv' 2>/dev/null && return
  [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null || die "python3 cannot make virtual environments: install its venv module"
  say "Installing python3-venv"
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends python3-venv >/dev/null
}

name_of_program() { # the version, and a digest of what it is made from: the same number may carry newer code
  if [ -n "$wheels" ]; then
    python3 - "$wheels" <<'PYTHON'
import hashlib, pathlib, sys, zipfile
ours, digest = "", hashlib.sha256(sys.version.encode())
for wheel in sorted(pathlib.Path(sys.argv[1]).glob("*.whl")):
    ours = wheel.name.split("-")[1] if wheel.name.startswith("autonomous_orchestrator-") else ours
    digest.update(wheel.name.encode())  # its time stamps differ each time that it is made: what it holds counts
    digest.update(repr(sorted((item.filename, item.CRC) for item in zipfile.ZipFile(wheel).infolist())).encode())
print(f"{ours}-{digest.hexdigest()[:8]}" if ours else "")
PYTHON
  else
    local version digest
    version=$(sed -n 's/^version = "\(.*\)"$/\1/p' "$checkout/pyproject.toml")
    digest=$(cd "$checkout" && { python3 -VV; find "${parts[@]}" -type f ! -path '*/__pycache__/*' -print0 | sort -z | xargs -0 sha256sum; } | sha256sum)
    echo "$version-${digest:0:8}"
  fi
}

added_by_hand() { # ENVIRONMENT: what somebody put there beside the program, a model's library say
  [ -e "$1/bin/pip" ] || return 0
  "$1/bin/python" -m pip list --not-required --format=freeze 2>/dev/null |
    sed -E '/^(autonomous-orchestrator|pip|setuptools|wheel)==/d' || say "What was added to $1 by hand cannot be read: add it again"
}

make_program() { # PROGRAM RUNNING: the packages into the new environment PROGRAM
  local program=$1 added source=()
  python_with_venv
  rm -rf "$program"
  added=$(added_by_hand "$2")
  say "Making the program's environment $program${added:+, with ${added//$'\n'/ }}"
  python3 -m venv "$program"
  if [ -n "$wheels" ]; then
    source=(autonomous-orchestrator --no-index --find-links "$wheels")
  else # from a copy: setuptools would leave things in the checkout, and pack what it left there
    mkdir "$staged/source"
    cp -r "${parts[@]/#/$checkout/}" "$staged/source"
    source=("$staged/source")
  fi
  # shellcheck disable=SC2086
  "$program/bin/pip" install --quiet "${source[@]}" $added ||
    die "nothing was changed: the packages cannot be had${added:+ (${added//$'\n'/ } was added by hand to the version before: give its wheel, or uninstall it there)}"
  rm -rf "$staged/source"
  touch "$program/complete"
}
