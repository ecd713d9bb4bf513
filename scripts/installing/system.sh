# shellcheck shell=bash disable=SC2034 # read by scripts/install
# Where things lie when the whole host is watched.
prefix=/opt/autonomous-orchestrator
bin=/usr/local/bin
share=/usr/local/share
zsh=zsh/site-functions
units=/etc/systemd/system
etc=/etc/autonomous-orchestrator
before=/var/lib/autonomous-orchestrator-before
lock=/run/autonomous-orchestrator-install.lock
flavour=""
lib=/usr/local/lib/autonomous-orchestrator
settled=("$etc/conf.d/10-hands.toml" "$units/autonomous-orchestrator.service.d/10-secrets.conf"
  "$units"/{autonomous-orchestrator,autonomous-orchestrator-hands,escalation-dashboard}.service.d/10-state.conf)

ctl() { systemctl "$@" 9>&-; } # it may outlive an installation that was killed, and must not hold its lock
said() { journalctl "$@"; }

prerequisites() {
  [ "$(id -u)" = 0 ] || die "needs root; for yourself alone: scripts/install --user"
  [ -d /run/systemd/system ] || die "this host is not run by systemd"
  ! dpkg-query -W -f '${db:Status-Status}' autonomous-orchestrator 2>/dev/null | grep -q '^installed' ||
    die "the package autonomous-orchestrator is installed here: upgrade or remove that"
}

own_settings() { :; } # where the hands are is written with the switch: the version before would not know the key

settle() { # users, whose the state is, and where the hands are
  accounts "$checkout/systemd/sysusers.conf"
  state_of_brain "$state"
  # shellcheck disable=SC2046
  state_elsewhere "$state" "$units" $(units_among <(pieces "$staged") | grep service$)
  secrets_of_brain "$program/bin/python" "$etc/config.toml" "$units"
  hands_apart "$program/bin/python" "$etc/config.toml"
}

is_settled() {
  getent passwd orchestrator orchestrator-web >/dev/null && [ "$(stat -c %U "$state" 2>/dev/null)" = orchestrator ] &&
    [ -n "$(setting "$program/bin/python" "$etc/config.toml" hands.socket)" ]
}

accepts() { # what the new version says of the configuration: the daemon's part of it, and the hands', who trust root's files alone
  "$program/bin/orchestrator" check-config --config "$etc/config.toml"
  "$program/bin/python" - "$etc/config.toml" <<'PYTHON'
import pathlib, sys
from orchestrator.config import ConfigError
from orchestrator.hands.settings import Settings
try:
    Settings(pathlib.Path(sys.argv[1]))
except ConfigError as error:
    sys.exit(str(error))
PYTHON
}

left_behind() { echo "/var/lib/autonomous-orchestrator and what lies beside it, and the users orchestrator and orchestrator-web
To remove these too: rm -r $etc /var/lib/autonomous-orchestrator*; userdel orchestrator-web; userdel orchestrator"; }

farewell() {
  echo "The dashboard: orchestrator dashboard url prints a link that lets you in."
  echo "People who may read and answer it without being root: usermod -aG orchestrator NAME"
}
