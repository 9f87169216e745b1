#!/usr/bin/env bash
# The first five minutes with jotmill, in one command:
# builds it, makes a keyring, signs claims, verifies them, and judges a gateway's log in which
# some tokens are expired, tampered with, or by somebody else's key.
#
# Owns samples/out/ and, if there is no keyring yet, makes the one in keys/. Running it again
# keeps the keyring and writes samples/out/ anew. Must never touch an existing key.
#
#   JOTMILL_BUILD   where to build (default: .build)
#   JOTMILL_JOBS    how many compile at once (default: swift's choice)
set -euo pipefail

root=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd -P)
cd -- "$root"
build=${JOTMILL_BUILD:-.build}
keys=keys
out=samples/out
mkdir -p "$out"
scratch=$(mktemp -d)
trap 'rm -rf -- "$scratch"' EXIT

fail() {
  printf '\nquickstart: %s\n' "$*" >&2
  exit 1
}
step() { printf '  %-11s %-42s %s\n' "$@"; }

# What the build needs -----------------------------------------------------------------------

has_openssl() {
  if command -v dpkg-query >/dev/null; then
    dpkg-query -W -f '${Status}' libssl-dev 2>/dev/null | grep -q ' installed$'
  elif command -v brew >/dev/null; then
    brew --prefix --installed openssl@3 >/dev/null 2>&1
  else
    pkg-config --exists 'libcrypto >= 3' 2>/dev/null
  fi
}

install_openssl() {
  command -v apt-get >/dev/null ||
    fail "needs OpenSSL 3 with its headers (Debian: libssl-dev, macOS: brew install openssl@3)"
  local as_root=()
  if [ "$(id -u)" -ne 0 ]; then
    command -v sudo >/dev/null || fail "needs libssl-dev; as root: apt-get install libssl-dev"
    as_root=(sudo)
  fi
  step installing 'libssl-dev, with apt-get' "$out/apt.log"
  {
    "${as_root[@]}" apt-get update &&
      "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
        apt-get install -y --no-install-recommends libssl-dev
  } >"$out/apt.log" 2>&1 || {
    tail -n 20 "$out/apt.log" >&2
    fail "apt-get could not install libssl-dev"
  }
}

# Making the log -----------------------------------------------------------------------------

# Tokens of the ring $1 for the records in $2.
sign() {
  "$jotmill" sign --no-progress --no-summary --keyring "$1" "$2" ||
    fail "jotmill sign ended with status $? for $2"
}

# A character in the middle of each token's signature, changed.
change_signatures() {
  awk -F. '{
    at = int(length($3) / 2)
    other = substr($3, at, 1) == "A" ? "B" : "A"
    print $1 "." $2 "." substr($3, 1, at - 1) other substr($3, at + 1)
  }'
}

# Each token with the claims of the one before: somebody tries on somebody else's rights.
change_claims() {
  awk -F. '{ header[NR] = $1; claims[NR] = $2; signature[NR] = $3 }
    END {
      for (i = 1; i <= NR; i++)
        print header[i] "." claims[i == 1 ? NR : i - 1] "." signature[i]
    }'
}

# Tokens (a line without one: "-") to a gateway's log, one JSON record a request, from the time $1
# on, 3 ms apart. The order is mixed by stepping through the lines in strides that have no factor in
# common with their number.
write_log() {
  awk -v now="$1" '
    { token[NR - 1] = $0 }
    END {
      split("GET GET GET POST PUT", method, " ")
      split("orders invoices catalog reports", thing, " ")
      for (i = 0; i < NR; i++) {
        bearer = token[(i * 7919) % NR]
        printf "{\"time\":%.3f,\"client\":\"192.0.2.%d\",\"method\":\"%s\",\"path\":\"/v1/%s/%d\"",
          now + i * 0.003, i % 250 + 1, method[i % 5 + 1], thing[i % 4 + 1], 1000 + i * 37 % 9000
        if (bearer != "-") printf ",\"authorization\":\"Bearer %s\"", bearer
        print "}"
      }
    }'
}

# The number beside a name in the summary.
counted() {
  sed -n "/^ *\"$1\": *[0-9]/ { s/[^0-9]//g; p; q; }" "$out/log-summary.json"
}

compare() {
  local what=$1 put=$2 name=$3 found
  found=$(counted "$name")
  printf '  %-13s %6d   %-15s %6d\n' "$what" "$put" "$name" "${found:-0}"
  [ "${found:-0}" -eq "$put" ] || wrong="$wrong $name"
}

# --------------------------------------------------------------------------------------------

printf 'jotmill quickstart in %s\n\n' "$root"

command -v swift >/dev/null || fail "needs a Swift toolchain (6.2 or later) in the PATH"
has_openssl || install_openssl

[ -x "$build/release/jotmill" ] ||
  step building 'the release, which takes a minute or two' "$out/build.log"
began=$SECONDS
swift build -c release --static-swift-stdlib --product jotmill --scratch-path "$build" \
  ${JOTMILL_JOBS:+-j "$JOTMILL_JOBS"} >"$out/build.log" 2>&1 || {
  tail -n 40 "$out/build.log" >&2
  fail "the build failed; all it said is in $out/build.log"
}
jotmill=$build/release/jotmill
step built "$("$jotmill" --version | sed -n 1p), in $((SECONDS - began)) s" "$jotmill"

if [ -e "$keys/keyring.json" ]; then
  step keyring 'there already, kept' "$keys/"
else
  # A clone made with a lax umask would let others add keys, which jotmill rightly refuses.
  chmod go-w "$keys"
  "$jotmill" keys init --keyring "$keys" >"$scratch/init.txt"
  step keyring 'made, with its first key' "$keys/"
fi
"$jotmill" keys publish --keyring "$keys" >"$scratch/publish.txt"
step published 'the public keys, for those who verify' "$keys/jwks.json"

sign "$keys" samples/claims.ndjson >"$out/tokens.txt"
step signed "$(wc -l <samples/claims.ndjson | tr -d ' ') claims records" "$out/tokens.txt"

"$jotmill" verify --quiet --keyring "$keys" "$out/tokens.txt" >"$out/verdicts.ndjson" ||
  fail "not all tokens just signed are valid; see $out/verdicts.ndjson"
step verified "all of them valid" "$out/verdicts.ndjson"

good=1000 expired=80 signatures=40 claims=20 foreign=40 none=20
# The same records again, now with an expiry that passed an hour ago.
sed "s/}\$/,\"exp\":$(($(date +%s) - 3600))}/" samples/claims.ndjson >"$scratch/expired.ndjson"
"$jotmill" keys init --keyring "$scratch/foreign" >"$scratch/foreign.txt"
records() { sed -n "1,$1p" "$2" >"$scratch/records.ndjson"; }
{
  for _ in 1 2 3 4 5; do sign "$keys" samples/claims.ndjson; done
  records "$expired" "$scratch/expired.ndjson"
  sign "$keys" "$scratch/records.ndjson"
  records "$signatures" samples/claims.ndjson
  sign "$keys" "$scratch/records.ndjson" | change_signatures
  records "$claims" samples/claims.ndjson
  sign "$keys" "$scratch/records.ndjson" | change_claims
  records "$foreign" samples/claims.ndjson
  sign "$scratch/foreign" "$scratch/records.ndjson"
  for ((i = 0; i < none; i++)); do echo -; done
} >"$scratch/tokens.txt"
write_log "$(date +%s)" <"$scratch/tokens.txt" >"$out/gateway.ndjson"
step made "$(wc -l <"$out/gateway.ndjson" | tr -d ' ') requests to a gateway, good and bad" "$out/gateway.ndjson"

status=0
"$jotmill" verify --no-progress --keyring "$keys" --summary --summary-json "$out/log-summary.json" \
  "$out/gateway.ndjson" >"$out/log-verdicts.ndjson" 2>"$out/log-summary.txt" || status=$?
# Status 1 says that tokens were rejected, which is what this log is for.
[ "$status" -eq 1 ] || {
  cat "$out/log-summary.txt" >&2
  fail "jotmill verify ended with status $status where 1 was due"
}
step judged 'that log: a verdict a request' "$out/log-verdicts.ndjson"

printf '\nThe summary (%s):\n\n' "$out/log-summary.txt"
sed -n '/^lines/,$ { s/^./  &/; p; }' "$out/log-summary.txt"

printf '\nPut into the log       Found by jotmill\n'
wrong=
compare good "$good" valid
compare expired "$expired" expired
compare tampered "$((signatures + claims))" bad_signature
compare foreign "$foreign" unknown_key
compare 'no token' "$none" no_token
compare 'all requests' "$((good + expired + signatures + claims + foreign + none))" lines
[ -z "$wrong" ] || fail "the counts differ:$wrong; see $out/log-verdicts.ndjson"

printf '\nAll as it should be. Try:\n\n'
printf '  %s\n' \
  "$jotmill inspect $out/tokens.txt | head -n 20" \
  "$jotmill verify --jwks $keys/jwks.json --only invalid $out/gateway.ndjson | head" \
  "$jotmill --help"
