# shellcheck shell=sh
# Where the parts live, and whose each place is: for scripts/install, and word for word in the package's postinst.

accounts() { # FILE: the users and the group of sysusers.d FILE
  systemd-sysusers "$1"
}

state_of_brain() { # DIRECTORY: the brain owns it, the group shares it; what root's daemon left there becomes the brain's
  state_dir=$(readlink -f "$1" || echo "$1")
  case $(stat -c '%a %U %G' "$state_dir" 2>/dev/null) in
  "2770 orchestrator orchestrator") ;;
  *) install -d -m 2770 -o orchestrator -g orchestrator "$state_dir" ;;
  esac
  # The group writes here: no link is followed, also not one that comes while this goes on (so each file from its own directory), and
  # a file with a second name elsewhere is left alone. What the hands kept here they take over themselves, as root's.
  find "$state_dir" -xdev -mindepth 1 \
    \( -path "$state_dir/hands.record*" -o -path "$state_dir/known-good" -o -path "$state_dir/quarantine" \) -prune \
    -o -uid 0 \( -type d -o -type f -links 1 \) -execdir chown -h orchestrator:orchestrator {} +
}

state_elsewhere() { # DIRECTORY UNITS UNIT…: the sandboxes open the state directory that the configuration names, where it is another
  state_dir=$1 units_dir=$2
  shift 2
  for unit; do
    drop_in=$units_dir/$unit.d/10-state.conf
    [ "$state_dir" != /var/lib/autonomous-orchestrator ] || { rm -f "$drop_in"; rmdir "${drop_in%/*}" 2>/dev/null || true; continue; }
    mkdir -p "${drop_in%/*}"
    printf '# daemon.state_dir, for the sandbox. Written by the installation.\n[Service]\nReadWritePaths=-%s -%s-hands\n' \
      "$state_dir" "$state_dir" >"$drop_in"
  done
}

setting() { # PYTHON FILE KEY: what the configuration says of `daemon.state_dir`, say; nothing where it says nothing
  "$1" - "$2" "$3" <<'PYTHON'
import functools, pathlib, sys
from orchestrator.config import load
value = functools.reduce(getattr, sys.argv[2].split("."), load(pathlib.Path(sys.argv[1])))
print("" if value is None else value)
PYTHON
}

secrets_of_brain() { # PYTHON FILE UNITS: what is root's alone reaches the brain as a credential of its unit; three names have one anyway
  drop_in=$3/autonomous-orchestrator.service.d/10-secrets.conf
  rm -f "$drop_in"
  secret_files "$1" "$2" | while read -r file; do
    name=${file##*/}
    [ ! -d "$file" ] || { chown -Rh orchestrator: "$file"; continue; } # where the Claude CLI is logged in, and renews that
    case $file in
    "") ;;
    "${2%/*}/model.key" | "${2%/*}/mail-password" | "${2%/*}/notify.urls") ;;
    "${2%/*}/$name")
      mkdir -p "${drop_in%/*}"
      [ -e "$drop_in" ] || printf '# Secrets that the configuration names. Written by the installation.\n[Service]\n' >"$drop_in"
      printf 'LoadCredential=%s:%s\nSetCredential=%s:\\n\n' "$name" "$file" "$name" >>"$drop_in"
      ;;
    *) runuser -u orchestrator -- test -r "$file" || echo "warning: the daemon cannot read $file: move it to ${2%/*}, or chown orchestrator: $file" >&2 ;;
    esac
  done
}

secret_files() { # PYTHON FILE: those that the configuration names, and where somebody logged in
  "$1" - "$2" <<'PYTHON'
import pathlib, sys
from orchestrator.config import load
config = load(pathlib.Path(sys.argv[1]))
models = (config.agents, *config.agents.voter)
named = [*(one.key_file for one in models), *(one.login_dir for one in models), config.mail.password_file, config.notify.urls_file]
print(*sorted({str(file) for file in named if file}), sep="\n")
PYTHON
}

hands_apart() { # PYTHON FILE: an installation from before the hands were a program of their own learns where they are
  [ -z "$(setting "$1" "$2" hands.socket)" ] || return 0
  cat >"${2%/*}/conf.d/10-hands.toml" <<'TOML'
# What has the rights to act is a program of its own (autonomous-orchestrator-hands.service); the daemon has none.
# Without this key the daemon would try to be its own hands, which takes a daemon that runs as root.
[hands]
socket = "/run/autonomous-orchestrator/hands.sock"
TOML
}
