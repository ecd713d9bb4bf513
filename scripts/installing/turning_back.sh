# shellcheck shell=bash
# An upgrade that fails leaves everything as it was. What was lies in $before until the new version has proved itself; an
# installation that was killed finds it there the next time.

keep_program() { # UNITS PIECE…: which of UNITS run, and what the pieces are now
  local piece unit
  rm -rf "$before"
  install -d -m 700 "$before" "$before/files" "$before/databases"
  for piece in "${@:2}"; do
    if [ -e "$piece" ] || [ -L "$piece" ]; then
      cp -a --parents "$piece" "$before/files"
      echo "$piece" >>"$before/kept"
    else
      echo "$piece" >>"$before/absent"
    fi
  done
  for unit in $1; do ! ctl is-active --quiet "$unit" || echo "$unit"; done >"$before/running"
}

keep_data() { # STATE: the databases, now that nobody writes them. From here on turning back means more than to start again
  local name
  for name in tasks.db escalations.db; do
    for name in "$1/$name" "$1/$name-wal" "$1/$name-shm"; do
      [ ! -e "$name" ] || cp -a --reflink=auto "$name" "$before/databases/"
    done
  done
  [ ! -e "$1-hands" ] || touch "$before/hands"
  echo "$1" >"$before/state"
  sync -f "$before"
  mv "$before/state" "$before/ready"
}

turn_back() { # what was before comes back, as far as anything was changed
  local unit piece state
  say "Turning back to what was before"
  if [ -e "$before/ready" ]; then
    state=$(cat "$before/ready")
    for unit in $(kept_units); do ctl stop "$unit" 2>/dev/null || true; done
    for unit in $(units_among "$before/absent"); do ctl disable --quiet "$unit" 2>/dev/null || true; done
    while read -r piece; do rm -f "$piece" "$piece.new"; done < <(cat "$before/absent" 2>/dev/null)
    while read -r piece; do
      cp -aT "$before/files$piece" "$piece.new" && mv -fT "$piece.new" "$piece"
    done < <(cat "$before/kept" 2>/dev/null)
    give_data_back "$state"
    ctl daemon-reload
  fi
  while read -r unit; do
    ctl start "$unit" || echo "$unit does not run: journalctl -u $unit" >&2
  done < <(cat "$before/running" 2>/dev/null)
  rm -rf "$before"
}

kept_units() { units_among "$before/absent" "$before/kept"; }

units_among() { # LIST…: the units in lists of pieces, without templates
  cat "$@" 2>/dev/null | grep "^$units/[^/@]*\.\(service\|socket\)$" | sed 's#.*/##' || true
}

give_data_back() { # STATE
  local name file
  for name in tasks.db escalations.db; do
    if [ -e "$before/databases/$name" ] && grown "$1/$name" "$before/databases/$name"; then
      rm -rf "${1:?}/$name" "$1/$name-wal" "$1/$name-shm"
      for file in "$name-wal" "$name-shm" "$name"; do
        [ -f "$before/databases/$file" ] || continue
        # Into place by a rename: whoever may write there could put a link there meanwhile, which a copy would go through.
        cp -a --reflink=auto "$before/databases/$file" "$before/"
        mv -fT "$before/$file" "$1/$file"
      done
      say "$name is the copy again that was made before: the version before could not read what had become of it"
    fi
  done
  [ -e "$before/hands" ] || [ ! -e "$1-hands" ] || hands_come_home "$1"
}

hands_come_home() { # STATE: before the hands had a place of their own, what was theirs lay in the state
  local name
  for name in hands.record known-good quarantine; do
    [ -e "$1/$name" ] || mv "$1-hands/${name#hands.}" "$1/$name" 2>/dev/null || true
  done
  rm -rf "$1-hands"
}

grown() { # DATABASE COPY: whether a migration has gone over it since; also when that cannot be told
  # Only to read: whoever owns the directory could lay a journal beside it that has root remove any file.
  python3 - "$1" "$2" <<'PYTHON'
import contextlib, sqlite3, sys
def steps(file):
    with contextlib.closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True)) as db:
        return set(db.execute("SELECT migration_set, name FROM _sqlite_migrations"))
try:
    sys.exit(not steps(sys.argv[1]) - steps(sys.argv[2]))
except sqlite3.Error:
    sys.exit(0)
PYTHON
}
