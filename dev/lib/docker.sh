# shellcheck shell=bash
# The Docker engine: the services of docker-compose.yml, one compose project for each stack. Data is in volumes.
# Both engines offer the same functions; the callers in dev/stack are the only ones.

# Two clones of the repository are two stacks, so the name comes from the folder.
docker_project() {
  local sum
  sum=$(cksum <<<"$STATE")
  echo "regraft-${sum%% *}"
}

compose() {
  REGRAFT_STACK_DIR=$STATE REGRAFT_STACK_KAFKA_PORT=${PORT[kafka]} \
    REGRAFT_STACK_SOURCE_PORT=${PORT[source]} REGRAFT_STACK_TARGET_PORT=${PORT[target]} \
    docker compose --project-name "$(docker_project)" --file "$ROOT/docker-compose.yml" "$@" </dev/null
}

docker_prepare() {
  docker_works || die "this stack is to run on Docker, and no Docker engine with compose answers" \
    "Start the engine, or use REGRAFT_STACK_ENGINE=java for a new stack (its data would not move there)."
  local image
  for image in $(docker_images); do
    if docker image inspect "$image" >/dev/null 2>&1; then continue; fi
    say "pulling $image, once …"
    docker pull --quiet "$image" </dev/null >/dev/null ||
      die "Docker could not pull $image" "Check the network and the registry that Docker is set up for." \
        "With Java and Maven instead: REGRAFT_STACK_ENGINE=java $(this up)"
  done
}

docker_start() {
  compose up --detach "$@" >&2 || die "docker compose could not start $*" "Its message is above."
}

docker_running() {
  compose ps --services --status running 2>/dev/null | grep -qx "$1"
}

# The ports tell all.
docker_started() { :; }

docker_where() {
  echo "container $(docker_project)-$1-1"
}

docker_stop() { compose stop "$@" >&2; }

docker_kill() {
  if docker_running "$1"; then compose kill "$1" >&2; fi
}

docker_log() { compose logs --no-log-prefix --tail 30 "$1"; }

docker_save() {
  local to
  to=$(snapshot_volume "$1" "$2")
  docker volume create --label "regraft.stack=$(docker_project)" "$to" >/dev/null
  copy_volume "$(docker_project)_$1" "$to"
}

docker_has_snapshot() {
  docker volume inspect "$(snapshot_volume "$1" "$2")" >/dev/null 2>&1
}

docker_load() {
  copy_volume "$(snapshot_volume "$1" "$2")" "$(docker_project)_$1"
}

# The containers stay: `compose down` would leave the images' nameless volumes behind at every turn.
docker_down() { compose stop >&2; }

docker_remove() {
  local volumes
  compose down --volumes --timeout 1 >&2
  volumes=$(docker volume ls --quiet --filter "label=regraft.stack=$(docker_project)")
  if [[ -n $volumes ]]; then xargs docker volume rm >/dev/null <<<"$volumes"; fi
}

# --- inside ---

snapshot_volume() { echo "$(docker_project)_snapshot_$1_$2"; }

# Of the services that make up the stack, not of all that the file has.
docker_images() {
  sed -n 's/^ *image: *\(apache\/kafka:\|neo4j:\)/\1/p' "$ROOT/docker-compose.yml" | sort -u
}

# By a root shell in an image that is there anyway, so that owners stay as they are.
copy_volume() {
  docker run --rm --volume "$1:/from:ro" --volume "$2:/to" --entrypoint sh "$(docker_images | grep neo4j)" -c \
    'find /to -mindepth 1 -delete && cp -a /from/. /to/' </dev/null >&2
}
