# shellcheck shell=bash
# Ports on loopback, and whether the right thing answers behind them. Sourced by dev/stack.

port_taken() {
  (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null
}

# port_owner PORT: " by java (pid 12)", or nothing where that can't be told
port_owner() {
  command -v ss >/dev/null || return 0
  ss -Hltnp "sport = :$1" 2>/dev/null |
    sed -n 's/.*users:(("\([^"]*\)",pid=\([0-9]*\).*/ by \1 (pid \2)/p' | sed -n 1p
}

# A free port below those that the kernel gives to outgoing connections, so that none of these takes it
# while its service is stopped. The arguments are ports that are spoken for.
pick_port() {
  local port
  while :; do
    port=$((20000 + RANDOM % 10000))
    if [[ " $* " != *" $port "* ]] && ! port_taken "$port"; then
      echo "$port"
      return
    fi
  done
}

# ask PORT REQUEST N: sends the bytes (as \x..) and prints the first N bytes of the answer in hex
ask() {
  (
    exec 3<>"/dev/tcp/127.0.0.1/$1" || exit
    printf '%b' "$2" >&3
    timeout 3 head -c "$3" <&3 | od -An -v -tx1 | tr -d ' \n'
  ) 2>/dev/null
}

# bolt_message BYTES: a message in one chunk, as \x..; BYTES are text and \x.., of less than 256 bytes in all
bolt_message() {
  printf '\\0\\x%02x%s\\0\\0' "$(printf '%b' "$1" | wc -c)" "$1"
}

# neo4j_answers PORT PASSWORD: whether the database answers a statement. That it says "Started." is not enough: its first
# statement takes it seconds, on a busy machine longer than anybody waits for a connection.
# Bolt 4.4: handshake, HELLO, RUN and PULL; awaited is the record [1]. Who refuses the password, which somebody may have
# changed, answers too.
neo4j_answers() {
  local hello run pull byte answer="" LC_ALL=C
  hello='\xb1\x01\xa4\x8auser_agent\x8dregraft-stack\x86scheme\x85basic\x89principal\x85neo4j\x8bcredentials'
  hello=$(bolt_message "$hello$(printf '\\xd0\\x%02x%s' ${#2} "$2")")
  run=$(bolt_message '\xb3\x10\x88RETURN 1\xa0\xa0')
  pull=$(bolt_message '\xb1\x3f\xa1\x81n\xff')
  (
    exec 3<>"/dev/tcp/127.0.0.1/$1" || exit
    printf '%b' '\x60\x60\xb0\x17\0\0\x04\x04\0\0\0\0\0\0\0\0\0\0\0\0' "$hello$run$pull" >&3
    while IFS= read -r -N 1 -t 20 byte <&3; do
      answer+=$byte # without its zeros
      case $answer in
        *$'\xb1\x71\x91\x01' | *Unauthorized | *CredentialsExpired) exit 0 ;;
        *$'\xb0\x7e') exit 1 ;; # PULL is ignored: whatever came before has failed
      esac
    done
    exit 1
  ) 2>/dev/null
}

# A Metadata request (version 1, no topics): the broker knows of one broker, itself, only once it is
# registered and unfenced. The answer is length, correlation, number of brokers.
kafka_answers() {
  [[ $(ask "$1" '\0\0\0\x0e\0\x03\0\x01\0\0\0\x01\xff\xff\0\0\0\0' 12) == ????????0000000100000001 ]]
}
