# shellcheck shell=bash
# The Java engine: Kafka and Neo4j as plain processes, each in its own folder of the stack.
#   $STATE/<service>/data   what a snapshot copies
#   $STATE/<service>/logs   console.log is the process's own output
#   $STATE/<service>/pid    process id, its start time, the machine's boot: together they name one process for good
# Both engines offer the same functions; the callers in dev/stack are the only ones.

BOOT_ID=$(cat /proc/sys/kernel/random/boot_id 2>/dev/null || true)

# Checks and fetches what is needed before anything is started. Sets JAVA.
java_prepare() {
  [[ -n $BOOT_ID ]] || die "without a Docker engine the stack runs on Linux only"
  JAVA=$(find_java) || die "$(describe_java)" \
    "Debian package: $(jre_package) (apt-get install $(jre_package)). As root dev/prerequisites installs it." \
    "A running Docker engine does as well."
  fetch_jars kafka
  fetch_jars neo4j
}

# Neo4j first: Kafka's folder is formatted while they start.
java_start() {
  local service
  for service in "$@"; do
    if [[ $service != kafka ]]; then start_neo4j "$service"; fi
  done
  for service in "$@"; do
    if [[ $service == kafka ]]; then start_kafka; fi
  done
}

java_running() {
  [[ -n $(running_pid "$1") ]]
}

# What the ports alone can't tell: Neo4j answers on Bolt a little before it says so.
java_started() {
  [[ $1 == kafka ]] || grep -q 'Started\.$' "$STATE/$1/logs/neo4j.log" 2>/dev/null
}

java_where() {
  echo "pid $(running_pid "$1")"
}

# All at once, then each is waited for. One that doesn't end in time is killed: its data survives that.
java_stop() {
  local service deadline=$((SECONDS + 30))
  for service in "$@"; do signal "$service" TERM; done
  for service in "$@"; do
    while java_running "$service" && ((SECONDS < deadline)); do sleep 0.05; done
    java_kill "$service"
  done
}

java_kill() {
  signal "$1" KILL
  while java_running "$1"; do sleep 0.05; done
  rm -f "$STATE/$1/pid"
}

java_log() {
  local log
  for log in "$STATE/$1/logs/console.log" "$STATE/$1/logs/neo4j.log"; do
    if [[ -s $log ]]; then
      echo "--- $log"
      tail -n 20 "$log"
    fi
  done
}

# Copies appear under their name only when they are complete.
java_save() {
  local to=$STATE/snapshots/$1/$2
  mkdir -p "${to%/*}"
  rm -rf "$to.part"
  cp -a --reflink=auto "$STATE/$1/data" "$to.part"
  rm -rf "$to"
  mv "$to.part" "$to"
}

java_has_snapshot() {
  [[ -d $STATE/snapshots/$1/$2 ]]
}

java_load() {
  local data=$STATE/$1/data
  rm -rf "$data.part"
  cp -a --reflink=auto "$STATE/snapshots/$1/$2" "$data.part"
  rm -rf "$data"
  mv "$data.part" "$data"
}

# Ends what runs; what is on disk is left to the caller.
java_down() {
  java_stop "${SERVICES[@]}"
}

# The data is about to go: no reason to wait for a clean end.
java_remove() {
  local service
  for service in "${SERVICES[@]}"; do java_kill "$service"; done
}

# --- inside ---

start_neo4j() {
  local service=$1 home=$STATE/$1
  mkdir -p "$home/conf" "$home/logs" "$home/data/dbms"
  {
    cat "$ROOT/dev/neo4j/neo4j.conf"
    echo "server.bolt.listen_address=127.0.0.1:${PORT[$service]}"
    echo "server.memory.pagecache.size=${REGRAFT_STACK_PAGECACHE:-256m}"
  } >"$home/conf/neo4j.conf"
  if [[ ! -d $home/data/databases ]]; then initial_password >"$home/data/dbms/auth.ini"; fi
  # Readiness is read from this file, so an earlier run's must not be in it.
  if [[ -f $home/logs/neo4j.log ]]; then mv -f "$home/logs/neo4j.log" "$home/logs/neo4j.previous.log"; fi
  launch "$service" \
    --add-opens=java.base/java.nio=ALL-UNNAMED --add-opens=java.base/java.io=ALL-UNNAMED \
    --add-opens=java.base/sun.nio.ch=ALL-UNNAMED --add-opens=java.base/java.util.concurrent=ALL-UNNAMED \
    -cp "$(jar_folder neo4j)/*" org.neo4j.server.CommunityEntryPoint \
    --home-dir="$home" --config-dir="$home/conf"
}

# The line that `neo4j-admin dbms set-initial-password` would write, without a second JVM and without the
# password on a command line: user, salted hash, salt, rounds. One round is enough for 128 random bits.
initial_password() {
  local salt hash
  salt=$(random_hex)
  hash=$({
    # shellcheck disable=SC2001 # a parameter expansion can't put \x before every two digits
    printf '%b' "$(sed 's/../\\x&/g' <<<"$salt")"
    printf '%s' "$(<"$STATE/password")"
  } | sha256sum)
  echo "neo4j:SHA-256,${hash%% *},$salt,1:"
}

start_kafka() {
  local home=$STATE/kafka jars
  jars="$(jar_folder kafka)/*"
  mkdir -p "$home/logs"
  {
    cat "$ROOT/dev/kafka/server.properties"
    echo "listeners=PLAINTEXT://127.0.0.1:${PORT[kafka]},CONTROLLER://127.0.0.1:${PORT[controller]}"
    echo "advertised.listeners=PLAINTEXT://127.0.0.1:${PORT[kafka]}"
    echo "controller.quorum.voters=1@127.0.0.1:${PORT[controller]}"
  } >"$home/server.properties"
  if [[ ! -f $home/data/meta.properties ]]; then format_kafka "$home" "$jars"; fi
  launch kafka -Dorg.slf4j.simpleLogger.showDateTime=true \
    -Dorg.slf4j.simpleLogger.dateTimeFormat=yyyy-MM-dd\'T\'HH:mm:ss.SSS \
    -cp "$jars" kafka.Kafka server.properties
}

format_kafka() {
  local cluster_id log=$1/logs/format.log
  cluster_id=$(head -c 16 /dev/urandom | base64 | tr '+/' '-_' | tr -d =)
  # A half-formatted folder of an earlier, interrupted start is formatted again.
  rm -rf "$1/data"
  (cd "$1" && "$JAVA" -XX:+UseSerialGC -XX:TieredStopAtLevel=1 -cp "$2" kafka.tools.StorageTool format \
    --cluster-id "_${cluster_id:1}" --config server.properties) </dev/null >"$log" 2>&1 ||
    die "Kafka's folder could not be formatted" "$(tail -n 5 "$log")"
}

# launch SERVICE JVM-ARGUMENTS…: starts the process so that it outlives this shell and its caller. It has a
# session of its own, and no file of the caller's is left open in it: one that reads our output through
# a pipe would otherwise wait for its end as long as the service runs.
#
# The serial collector and unverified (checksummed) classes take a third off the start of three JVMs on two cores.
# Compiled code has the room that it has by default: where REGRAFT_STACK_JAVA_OPTS leave one compiler only, a JVM reserves
# 48 MB, which Neo4j's planner filled after twenty minutes of tests; from then on it was thrown out and compiled again.
launch() {
  local service=$1 home=$STATE/$1 heap=${REGRAFT_STACK_HEAP:-512m}
  local -a options=("-Xms$heap" "-Xmx$heap" -XX:+UseSerialGC -XX:+ExitOnOutOfMemoryError
    -XX:+UnlockDiagnosticVMOptions -XX:-BytecodeVerificationRemote -XX:ReservedCodeCacheSize=240m
    "-Dregraft.stack=$home")
  local -a extra=()
  shift
  read -ra extra <<<"${REGRAFT_STACK_JAVA_OPTS:-}"
  (
    cd "$home" || exit
    exec </dev/null >logs/console.log 2>&1
    close_inherited_files
    exec setsid "$JAVA" "${options[@]}" ${extra[@]+"${extra[@]}"} "$@"
  ) &
  # setsid execs without another fork, so this is the service's own id, and its start time stays.
  echo "$! $(start_time "$!") $BOOT_ID" >"$home/pid"
}

close_inherited_files() {
  local fd
  for fd in /proc/self/fd/*; do
    fd=${fd##*/}
    if ((fd > 2)); then eval "exec $fd>&-"; fi
  done
}

# When a process was started, in ticks since boot. A process that ended and that nobody has waited for
# counts as gone: where PID 1 doesn't reap, it stays listed for ever.
start_time() {
  local stat fields
  { stat=$(<"/proc/$1/stat"); } 2>/dev/null || return 0
  # The second field is the program's name in brackets, which may itself hold spaces and brackets.
  read -ra fields <<<"${stat##*) }"
  case ${fields[0]} in
    Z | X) ;;
    *) echo "${fields[19]}" ;;
  esac
}

# The process of a service if it is still the one that was started here, else nothing.
running_pid() {
  local pid started boot
  [[ -f $STATE/$1/pid ]] || return 0
  read -r pid started boot <"$STATE/$1/pid"
  if [[ $boot == "$BOOT_ID" && -n $started && $(start_time "$pid") == "$started" ]]; then echo "$pid"; fi
}

signal() {
  local pid
  pid=$(running_pid "$1")
  if [[ -n $pid ]]; then kill "-$2" "$pid" 2>/dev/null || true; fi
}
