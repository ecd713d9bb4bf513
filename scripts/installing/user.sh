# shellcheck shell=bash disable=SC2034 # read by scripts/install
# Where things lie when a user watches what is his own: his systemd, his journal, one process, no root.
home=$(getent passwd "$(id -u)" | cut -d: -f6)
data=${XDG_DATA_HOME:-$home/.local/share}
prefix=$data/autonomous-orchestrator
bin=$home/.local/bin
share=$data
zsh=zsh/site-functions
units=${XDG_CONFIG_HOME:-$home/.config}/systemd/user
etc=${XDG_CONFIG_HOME:-$home/.config}/autonomous-orchestrator
own_state=${XDG_STATE_HOME:-$home/.local/state}/autonomous-orchestrator
before=$own_state-before
lock=${XDG_RUNTIME_DIR:=/run/user/$(id -u)}/autonomous-orchestrator-install.lock
lib=$prefix
flavour=user/
settled=()
export XDG_RUNTIME_DIR

ctl() { systemctl --user "$@" 9>&-; } # it may outlive an installation that was killed, and must not hold its lock
said() { journalctl --user "${@/#-u/--user-unit}"; }

prerequisites() {
  [ "$(id -u)" != 0 ] || die "root watches the whole host: scripts/install without --user"
  ctl show --property=Version >/dev/null 2>&1 ||
    die "no systemd of your own runs here. Log in anew, or have an administrator say: loginctl enable-linger $(id -un)"
}

settle() { mkdir -p "${own_state%/*}" && mkdir -p -m 700 "$own_state"; } # the daemon's group-writable state lies behind that door
is_settled() { [ -d "$own_state" ]; }

accepts() { "$program/bin/orchestrator" check-config --config "$etc/config.toml"; }

own_settings() { # what makes it a user's: kept once it is there
  local port=8888 file=$etc/conf.d/10-user.toml
  [ ! -e "$file" ] || return 0
  while port_is_taken $port; do port=$((port + 1)); done
  cat >"$file" <<TOML
# Your own systemd is watched, not the host's. Written by the installation; it is yours to change.
[daemon]
manager = "user"
state_dir = "$own_state/state"

[containers]
sockets = ["$XDG_RUNTIME_DIR/podman/podman.sock"]

[mail]
to = ["$(id -un)@localhost"]

[dashboard]
port = $port
TOML
}

port_is_taken() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

left_behind() { echo "$own_state and what lies beside it
To remove these too: rm -r $etc $own_state*"; }

farewell() {
  echo "The dashboard: orchestrator dashboard url prints a link that lets you in."
  [[ ":$PATH:" == *":$bin:"* ]] || echo "The command is $bin/orchestrator: $bin is not in your PATH yet."
  [ "$(loginctl show-user "$(id -un)" -P Linger 2>/dev/null)" = yes ] ||
    echo "It runs while you are logged in. For always: loginctl enable-linger"
}
