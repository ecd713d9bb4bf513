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

# stores PORT: a user of web can store 20 kB, more than may fit into what is left of a block.
stores() { head -c 20000 /dev/zero | curl -sf -m 5 --data-binary @- "http://127.0.0.1:$1/write" | grep -q written; }

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

# certificate DIR NAME FROM TO: DIR/cert.pem with a new key DIR/key.pem, for NAME, good between two times as date(1) reads them.
certificate() {
  local work; work=$(mktemp -d); mkdir -p "$1"
  openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj "/CN=$2" -keyout "$work/key.pem" -out "$work/request" 2>/dev/null
  touch "$work/index"; printf 'basicConstraints=CA:FALSE\nsubjectAltName=DNS:%s\n' "$2" >"$work/extensions"
  printf '[ca]\ndefault_ca=own\n[own]\ndatabase=%s/index\nnew_certs_dir=%s\nrand_serial=yes\ndefault_md=sha256\npolicy=any\n[any]\ncommonName=supplied\n' \
    "$work" "$work" >"$work/settings"
  openssl ca -batch -notext -selfsign -config "$work/settings" -keyfile "$work/key.pem" -in "$work/request" -out "$work/cert.pem" \
    -extfile "$work/extensions" -startdate "$(date -u -d "$3" +%Y%m%d%H%M%SZ)" -enddate "$(date -u -d "$4" +%Y%m%d%H%M%SZ)" 2>/dev/null
  mv "$work/key.pem" "$1/key.pem"; mv "$work/cert.pem" "$1/cert.pem"; rm -r "$work"
}

# https NAME PORT DIR: an nginx that serves NAME on PORT with the pair in DIR.
https() {
  printf 'server { listen %s ssl; server_name %s; ssl_certificate %s/cert.pem; ssl_certificate_key %s/key.pem; return 200 "ok\\n"; }\n' \
    "$2" "$1" "$3" "$3" >"/etc/nginx/sites-enabled/$1"
  systemctl enable -q nginx; systemctl restart nginx
  until_ok 10 curl -skf -m 2 -o /dev/null "https://127.0.0.1:$2/"
}

# trusts NAME PORT CERTIFICATE [SECONDS]: a client who knows that certificate gets the page, and will for so long.
trusts() {
  curl -sf -m 2 --cacert "$3" --resolve "$1:$2:127.0.0.1" "https://$1:$2/" | grep -q ok || return 1
  echo | openssl s_client -connect "127.0.0.1:$2" -servername "$1" 2>/dev/null | openssl x509 -noout -checkend "${4:-86400}" >/dev/null
}

# renewal NAME DIR [COMMAND]: renew-NAME.service renews the pair in DIR after COMMAND, and renew-NAME.timer starts it each day.
renewal() {
  printf '#!/bin/bash\nset -e\n. /opt/lab/lib.sh\n%s\ncertificate %s %s "-1 hour" "+90 days"\n' "${3-}" "$2" "$1" >"/opt/lab/renew-$1"
  chmod 755 "/opt/lab/renew-$1"
  printf '[Service]\nType=oneshot\nExecStart=/opt/lab/renew-%s\n' "$1" >"/etc/systemd/system/renew-$1.service"
  printf '[Timer]\nOnCalendar=daily\n[Install]\nWantedBy=timers.target\n' >"/etc/systemd/system/renew-$1.timer"
  systemctl daemon-reload; systemctl enable -q --now "renew-$1.timer"
}

# fs_error POINT: the kernel itself reports an error of the ext4 that is mounted there, and does what its options say.
fs_error() {
  local device; device=$(basename "$(findmnt -no SOURCE "$1")"); mkdir -p /run/lab/sys
  mount -t sysfs sysfs /run/lab/sys; echo lab >"/run/lab/sys/fs/ext4/$device/trigger_fs_error"; umount /run/lab/sys
}

# fs_sound POINT: no error of it was ever counted, and it takes writes.
fs_sound() {
  [ "$(cat "/sys/fs/ext4/$(basename "$(findmnt -no SOURCE "$1")")/errors_count")" = 0 ]
  touch "$1/.lab"; rm "$1/.lab"
}


# resolver UNIT ADDRESS: a name server on a loopback address, UNIT.service, enabled and answering; /etc/UNIT.names has `name address` lines.
resolver() {
  cat >/opt/lab/resolver <<'END'
#!/usr/bin/python3
import pathlib, socket, sys
server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
server.bind((sys.argv[1], 53))
while True:
    asked, client = server.recvfrom(4096)
    end, labels = 12, []
    while asked[end]:
        labels.append(asked[end + 1 : end + 1 + asked[end]].decode())
        end += 1 + asked[end]
    table = dict(line.split() for line in pathlib.Path(sys.argv[2]).read_text().splitlines())
    address = table.get(".".join(labels).lower())
    found = address and asked[end + 1 : end + 3] == b"\0\1"
    answer = b"\xc0\x0c\0\1\0\1\0\0\0\1\0\4" + socket.inet_aton(address) if found else b""
    flags = b"\x81\x80" if address else b"\x81\x83"
    server.sendto(asked[:2] + flags + b"\0\1" + (b"\0\1" if found else b"\0\0") + b"\0" * 4 + asked[12 : end + 5] + answer, client)
END
  chmod 755 /opt/lab/resolver
  printf '[Service]\nExecStart=/opt/lab/resolver %s /etc/%s.names\n[Install]\nWantedBy=multi-user.target\n' "$2" "$1" >"/etc/systemd/system/$1.service"
  systemctl daemon-reload; systemctl enable -q --now "$1"
  rm -f /etc/resolv.conf; printf 'nameserver %s\noptions timeout:1 attempts:1\n' "$2" >/etc/resolv.conf
  sed -i 's/^hosts:.*/hosts: files dns/' /etc/nsswitch.conf
}

# asks NAME PORT NEEDED: a web service that asks for the host of NEEDED (host:port) by name at each look at its health.
asks() { web "$1" "$2" "needs = $3"; until_ok 5 says "http://127.0.0.1:$2/health" ok; }

# engine [limits]: Podman with its API, and an image `lab` of busybox. No network of its own, and cgroups only for the sake of limits:
# lab hosts cannot give more.
engine() {
  local root program; root=$(mktemp -d); mkdir -p /etc/containers "$root/bin" "$root/www" "$root/tmp"
  printf '[storage]\ndriver = "vfs"\nrunroot = "/run/containers/storage"\ngraphroot = "/var/lib/containers/storage"\n' >/etc/containers/storage.conf
  printf '[containers]\ncgroups = "disabled"\nnetns = "host"\n' >/etc/containers/containers.conf
  [ "${1-}" != limits ] || printf '[containers]\ncgroups = "enabled"\nnetns = "host"\n[engine]\ncgroup_manager = "cgroupfs"\n' >/etc/containers/containers.conf
  cp /bin/busybox "$root/bin/"
  for program in sh sleep httpd wget test cat touch rm date tail; do ln -s busybox "$root/bin/$program"; done
  tar -C "$root" -c . | podman import -q - lab >/dev/null; rm -r "$root"
  systemctl enable -q --now podman.socket
}

# page NAME PORT [OPTION…]: a container that serves /index.html of its own, made anew by each start, on a port of the host.
page() {
  local name=$1 port=$2; shift 2
  podman run -d --name "$name" "$@" lab /bin/sh -c "echo hello >/www/index.html; exec httpd -f -p 127.0.0.1:$port -h /www" >/dev/null
  until_ok 15 curl -sf -m 2 -o /dev/null "http://127.0.0.1:$port/"
}

# container NAME FIELD: what Podman says of it, such as State.Status.
container() { podman inspect -f "{{.$2}}" "$1"; }
container_is() { [ "$(container "$1" "$2")" = "$3" ]; }
