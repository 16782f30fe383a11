# shellcheck shell=bash
# What this machine has: a Docker engine, Java, Maven. Sourced by dev/stack and dev/prerequisites.

MIN_JAVA=17

say() { printf '%s\n' "$*" >&2; }

# die MESSAGE [WHAT TO DO]…
die() {
  printf 'error: %s\n' "$1" >&2
  shift
  if (($#)); then printf '  %s\n' "$@" >&2; fi
  exit 1
}

# The client alone is not enough: the engine has to answer, and to know `compose`.
docker_works() {
  command -v docker >/dev/null &&
    timeout 10 docker compose version >/dev/null 2>&1 &&
    timeout 10 docker version --format '{{.Server.Version}}' >/dev/null 2>&1
}

# java_major JAVA: 17 for 17.0.15, 8 for 1.8.0_402
java_major() {
  "$1" -version 2>&1 | sed -n 's/.* version "\(1\.\)\{0,1\}\([0-9]*\).*/\2/p'
}

# Every Java that is installed, the ones that the user points at first.
list_java() {
  local java
  for java in "${JAVA_HOME:+$JAVA_HOME/bin/java}" "$(command -v java || true)" /usr/lib/jvm/*/bin/java; do
    if [[ -n $java && -x $java ]]; then echo "$java"; fi
  done
}

# Prints the first Java that is new enough; fails if there is none.
find_java() {
  local java
  while read -r java; do
    if [[ $(java_major "$java") -ge $MIN_JAVA ]]; then
      echo "$java"
      return
    fi
  done < <(list_java)
  return 1
}

# The Debian package that brings Java: releases differ in what they have.
jre_package() {
  local version
  for version in 17 21 25; do
    if apt-cache show "openjdk-$version-jre-headless" >/dev/null 2>&1; then
      echo "openjdk-$version-jre-headless"
      return
    fi
  done
  echo "openjdk-$MIN_JAVA-jre-headless"
}

# Says what is wrong with Java here, for the error message.
describe_java() {
  local old
  old=$(list_java | sed -n 1p)
  if [[ -n $old ]]; then
    echo "Java $(java_major "$old") at $old is too old, $MIN_JAVA or newer is needed"
  else
    echo "no Java found, $MIN_JAVA or newer is needed"
  fi
}
