# shellcheck shell=bash
# What belongs to an installation beside its environment: laid out beneath a directory first, then compared with what is there.

lay_out() { # ROOT PYTHON: units, the command, its manual and completions, as they are to be, beneath ROOT
  local root=$1 python=$2 shell file
  mkdir -p "$root$units" "$root$bin" "$root$lib" "$root$share/man/man1"
  for file in "$checkout"/systemd/"$flavour"*.{service,socket}; do
    [ ! -f "$file" ] || sed "s#/usr/local/bin/orchestrator#$bin/orchestrator#g; s#/usr/local/lib/autonomous-orchestrator#$lib#g" "$file" >"$root$units/${file##*/}"
  done
  "$python" -P "$checkout/scripts/installing/manual.py" >"$root$share/man/man1/orchestrator.1"
  for shell in bash:bash-completion/completions/orchestrator zsh:"$zsh/_orchestrator" fish:fish/vendor_completions.d/orchestrator.fish; do
    file=$root$share/${shell#*:}
    mkdir -p "${file%/*}"
    _ORCHESTRATOR_COMPLETE=${shell%%:*}_source "${python%/*}/orchestrator" >"$file"
  done
  find "$root" -type f -exec chmod 644 {} +
  [ -n "$flavour" ] || install -m 755 "$checkout/systemd/failed" "$root$lib/failed"
}

pieces() { # ROOT: what was laid out there, as paths on the host
  (cd "$1" && find . \( -type f -o -type l \) -printf '/%P\n' | sort)
}

differ() { # ROOT: those of its pieces that the host has otherwise, or not
  local piece
  for piece in $(pieces "$1"); do
    if [ -L "$1$piece" ]; then
      [ "$(readlink "$1$piece")" = "$(readlink "$piece" || true)" ] || echo "$piece"
    else
      cmp -s "$1$piece" "$piece" && [ "$(stat -c %a "$piece")" = "$(stat -c %a "$1$piece")" ] || echo "$piece"
    fi
  done
}

put() { # ROOT PIECE…: onto the host, each at once or not at all
  local root=$1 piece
  for piece in "${@:2}"; do
    mkdir -p "${piece%/*}"
    cp -dT --preserve=mode "$root$piece" "$piece.new"
    mv -fT "$piece.new" "$piece"
  done
}

given_up() { # LIST ROOT: what the installation before had put there, by its own LIST, and this one has not
  comm -23 <(sort "$1" 2>/dev/null) <(pieces "$2") || true
}

new_settings() { # SHIPPED OWN: keys that the shipped configuration shows and the operator's does not mention
  comm -23 <(keys "$1") <(keys "$2")
}

keys() { # FILE: each key with its table, also those that are commented out
  awk 'match($0, /^#?\[+[a-z_.]+\]+/) { table = substr($0, RSTART, RLENGTH); gsub(/[#\[\]]/, "", table) }
       match($0, /^#?[a-z_]+ *=/) { key = substr($0, RSTART, RLENGTH); gsub(/[#= ]/, "", key); print "[" table "] " key }' "$1" | sort -u
}
