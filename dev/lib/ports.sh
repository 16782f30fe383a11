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

# Bolt's handshake: offers version 4.4, which the server names back.
bolt_answers() {
  [[ $(ask "$1" '\x60\x60\xb0\x17\0\0\x04\x04\0\0\0\0\0\0\0\0\0\0\0\0' 4) == 00000404 ]]
}

# A Metadata request (version 1, no topics): the broker knows of one broker, itself, only once it is
# registered and unfenced. The answer is length, correlation, number of brokers.
kafka_answers() {
  [[ $(ask "$1" '\0\0\0\x0e\0\x03\0\x01\0\0\0\x01\xff\xff\0\0\0\0' 12) == ????????0000000100000001 ]]
}
