# shellcheck shell=bash
# Steps of a longer command: a line each, and one clear failure. Sourced by dev/demo and dev/test.

# Begins a step that shows its own output.
step() {
  if [[ -t 2 ]]; then printf '\n\033[1m%s\033[0m\n' "$*" >&2; else printf '\n%s\n' "$*" >&2; fi
}

# quietly NAME COMMAND…: a step whose output only matters where it fails (or with V=1). LOG is the file for it.
quietly() {
  local name=$1 begin=$SECONDS status=0
  shift
  if [[ -n ${V:-} ]]; then
    step "$name"
    "$@" || status=$?
  else
    printf '%-34s ' "$name" >&2
    "$@" >"$LOG" 2>&1 </dev/null || status=$?
    if ((status == 0)); then printf 'ok, %s s\n' "$((SECONDS - begin))" >&2; fi
  fi
  if ((status != 0)); then
    if [[ -z ${V:-} ]]; then
      printf 'FAILED\n\n' >&2
      relevant "$LOG" >&2
    fi
    fail "$name" "$*"
  fi
}

# fail STEP COMMAND: the last words, whatever came before.
fail() {
  printf '\nfailed: %s\n  the command was: %s\n' "$1" "$2" >&2
  exit 1
}

# What a person has to read of a long output: the failures that cargo test collects at its end, or just the end.
relevant() {
  if grep -q '^failures:$' "$1"; then
    sed -n '/^failures:$/,$p' "$1" | head -n 200
  else
    tail -n 60 "$1"
  fi
}
