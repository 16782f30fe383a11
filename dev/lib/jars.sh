# shellcheck shell=bash
# The jars of Kafka and Neo4j, fetched once by Maven into a cache that all stacks share. Once they are
# there, neither Maven nor the network is needed. Sourced by dev/stack and dev/prerequisites.

JAR_CACHE=${REGRAFT_CACHE_DIR:-${XDG_CACHE_HOME:-${HOME:-/tmp}/.cache}/regraft}/jars
COPY_DEPENDENCIES=org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies

# jar_version kafka|neo4j: what its pom.xml says
jar_version() {
  sed -n 's|^  <version>\(.*\)</version>|\1|p' "$ROOT/dev/$1/pom.xml"
}

# jar_folder kafka|neo4j: named by version and by all that the pom says, so that a changed pom fetches anew
jar_folder() {
  local sum
  sum=$(cksum <"$ROOT/dev/$1/pom.xml")
  echo "$JAR_CACHE/$1-$(jar_version "$1")-${sum%% *}"
}

# The folder is moved to its name when it is complete, so that its being there says all.
jars_cached() {
  [[ -d $(jar_folder "$1") ]]
}

# fetch_jars kafka|neo4j: two stacks that start at once take turns, and the second finds the jars there
fetch_jars() {
  if jars_cached "$1"; then return; fi
  mkdir -p "$JAR_CACHE"
  (
    if ! flock -n 8; then
      say "another stack is fetching jars, waiting for it …"
      flock 8
    fi
    if ! jars_cached "$1"; then download_jars "$1"; fi
  ) 8>"$JAR_CACHE/lock"
}

download_jars() {
  local folder part log
  folder=$(jar_folder "$1") part=$folder.part log=$JAR_CACHE/$1.log
  command -v mvn >/dev/null || die "Maven fetches the jars of Kafka and Neo4j, and mvn is not installed" \
    "Debian package: maven (apt-get install maven). As root dev/prerequisites installs it." \
    "A running Docker engine does as well."
  say "fetching $1 $(jar_version "$1") with Maven, once for all stacks of this user …"
  rm -rf "$part"
  if ! mvn -B -f "$ROOT/dev/$1/pom.xml" "$COPY_DEPENDENCIES" -DincludeScope=runtime \
    -DoutputDirectory="$part" </dev/null >"$log" 2>&1; then
    sed -n 's/.*\[ERROR\] \(.\)/\1/p' "$log" | sed -n 1p >&2
    die "Maven could not fetch $1 $(jar_version "$1")" \
      "Check the network, and proxy or mirror in Maven's settings.xml; then run this again." \
      "Maven's whole output: $log"
  fi
  mv "$part" "$folder"
}
