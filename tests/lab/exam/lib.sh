# What the scripts of the cases are written with; sourced before each of them.
export LC_ALL=C.UTF-8 SYSTEMD_COLORS=0 SYSTEMD_PAGER=cat

# web NAME PORT [SETTINGS]: a web service (/opt/lab/webapp.py) with /etc/NAME.conf and NAME.service, enabled, started and answering.
# SETTINGS are more lines of its configuration; $UNIT and $SERVICE more lines of those sections of its unit file, $DIRECTORY its place.
web() {
  local name=$1 port=$2 settings=${3-} file=${DIRECTORY:-/etc/systemd/system}/$1.service
  printf 'port = %s\n%s\n' "$port" "$settings" >"/etc/$name.conf"
  printf '[Unit]\n%s\n[Service]\nExecStart=/opt/lab/webapp.py --config /etc/%s.conf\n%s\n[Install]\nWantedBy=multi-user.target\n' \
    "${UNIT-}" "$name" "${SERVICE-}" >"$file"
  systemctl daemon-reload
  systemctl enable -q --now "$name.service"
  until_ok 15 curl -sf -m 2 -o /dev/null "http://127.0.0.1:$port/"
}

# says URL WORD: the page comes, and has the word in it.
says() { curl -sf -m 2 "$1" | grep -q -- "$2"; }

# until_ok SECONDS COMMAND…: ask again until the command succeeds; fails when it does not in that time.
until_ok() {
  local end=$((SECONDS + $1)); shift
  until "$@"; do
    if ((SECONDS >= end)); then echo "not in time: $*" >&2; return 1; fi
    sleep 0.1
  done
}

# not COMMAND…: succeeds when the command fails. (`! command` alone does not end a script when it should.)
not() { ! "$@"; }

# same_run UNIT…: none of them was started, stopped or restarted since the fault was injected.
same_run() {
  local unit run
  for unit; do
    case $unit in *.*) ;; *) unit=$unit.service ;; esac
    run="$(systemctl show -P ActiveState "$unit") $(restarts "$unit") $(systemctl show -P InvocationID "$unit")"
    if [ "${run% }" != "$(cat "/run/lab/runs/$unit")" ]; then
      echo "$unit is not in the run that it was in" >&2; return 1
    fi
  done
}

restarts() { local n; n=$(systemctl show -P NRestarts "$1"); echo "${n:-0}"; }

# disk POINT MEGABYTES: an ext4 of its own, mounted there.
disk() {
  local image; image=/var/tmp/$(echo "${1#/}" | tr / -).img
  truncate -s "$2M" "$image" && mkfs.ext4 -q "$image" && mkdir -p "$1" && mount -o loop "$image" "$1"
}
