# shellcheck shell=bash
# What scripts/check and scripts/try need, for them to source: what this Debian lacks, and the virtual environment .venv.
#
#   . scripts/setup.sh [PROGRAM:PACKAGE…]      programs that must be there beside Python, and the packages that bring them
#
# Two runs in one checkout prepare one after the other: the lock is held until the caller says `exec 9>&-`.
mkdir -p build
exec 9>build/.lock
flock 9

# Debian's pip would build sdnotify, which comes as a source alone, in an old way that needs more packages.
export PIP_USE_PEP517=1 PIP_DISABLE_PIP_VERSION_CHECK=1

say() { printf '\n== %s\n' "$*"; }

missing=""
python3 -c 'import ensurepip, venv' 2>/dev/null || missing="$missing python3-venv"
for program; do
  command -v "${program%:*}" >/dev/null || missing="$missing ${program#*:}"
done
if [ -n "$missing" ]; then
  if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
    echo "Missing here:$missing. Install what provides them, or run this as root on Debian." >&2
    exit 1
  fi
  say "Installing$missing"
  apt-get update -qq
  # shellcheck disable=SC2086
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing >/dev/null
fi
python3 -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed; this is " + sys.version.split()[0])'

made_from=$(cat pyproject.toml scripts/setup.sh | sha256sum)
if [ "$(cat .venv/made-from 2>/dev/null)" != "$made_from" ]; then
  say "Making the virtual environment .venv"
  python3 -m venv .venv
  .venv/bin/pip install --quiet --editable '.[dev,notify,anthropic,otel]'
  echo "$made_from" >.venv/made-from
fi
