#!/usr/bin/env bash
# Fuzzing: builds each target with libFuzzer, AddressSanitizer and, for C,
# UndefinedBehaviorSanitizer, and runs them in turn, each from its corpus Tests/Fuzz/Corpus/NAME.
#
#   Tests/fuzz.sh [MINUTES [TARGET...]]     minutes for each target (default 1), all targets
#   Tests/fuzz.sh 0                         runs the corpora once, and looks for nothing new
#   Tests/fuzz.sh merge [TARGET...]         takes from what runs have found into the corpora, the
#                                           least that shows all
#
# Owns .build/fuzz/: what is built, what runs found worth keeping (grown/NAME) and findings
# (found/NAME-...). The status is 0 if nothing was found. A finding is told on standard error with
# the input that shows it, and stays; it belongs into the corpus with what mends it.
#
# A target is one file of C, Tests/Fuzz/Kernels/NAME.c, linked with CLanes; or one folder of Swift,
# Tests/Fuzz/Swift/NAME, which the package there has as a product.
set -uo pipefail

root=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd -P) || exit 1
cd -- "$root" || exit 1
fuzz=Tests/Fuzz work=$root/.build/fuzz
mkdir -p "$work/objects" "$work/found" || exit 1
minutes=${1:-1}
shift || true
if [[ ! $minutes =~ ^([0-9]+|merge)$ ]]; then
  echo "$minutes is no number of minutes" >&2
  exit 2
fi
# A backtrace takes minutes, and says less than the sanitizers do.
export SWIFT_BACKTRACE=enable=no

targets=("$@")
if [ "${#targets[@]}" -eq 0 ]; then
  for path in "$fuzz"/Kernels/*.c "$fuzz"/Swift/*/; do
    path=${path%/}
    targets+=("$(basename "${path%.c}")")
  done
fi

# Building -----------------------------------------------------------------------------------

# clang stands beside the Swift compiler; no other is known to have the same libFuzzer.
clang=$(dirname -- "$(readlink -f "$(command -v swiftc)")")/clang
[ -x "$clang" ] || clang=clang
compile=("$clang" -std=c11 -O2 -g -Wall -Wextra -Werror -I Sources/CLanes/include
  '-fsanitize=address,undefined' -fno-sanitize-recover=all
  -fsanitize-address-use-after-return=never)

# build_object SOURCE: what it takes to see which of its code runs, but not for kernels what they
# compare with what: that is half their time, and of no use in arithmetic. In lanes, which are all
# unrolled, pointers are looked after by AddressSanitizer alone: both take minutes to compile.
build_object() {
  local flags=(-fsanitize=fuzzer-no-link)
  case $1 in
    */CLanes/*) flags=('-fsanitize-coverage=inline-8bit-counters,pc-table') ;;
  esac
  case $1 in
    *_lanes.c) flags+=('-fno-sanitize=null,alignment,pointer-overflow,object-size') ;;
  esac
  "${compile[@]}" "${flags[@]}" -c "$1" -o "$work/objects/${1//\//-}.o"
}

build_c() {
  local source first='' status=0
  # Two at a time.
  for source in Sources/CLanes/*.c "$fuzz"/Cases/*.c; do
    build_object "$source" &
    if [ -n "$first" ]; then wait "$first" || status=1; fi
    first=$!
  done
  wait "$first" || status=1
  [ "$status" -eq 0 ] || return
  for source in "$fuzz"/Kernels/*.c; do
    "${compile[@]}" -fsanitize=fuzzer -fuse-ld=lld "$source" "$work"/objects/*.o -lcrypto \
      -o "$work/$(basename "$source" .c)" || return
  done
}

build_swift() {
  local target
  swift build --package-path "$fuzz" --scratch-path "$work/swift" -c release \
    --sanitize=address -Xswiftc -sanitize=fuzzer -Xswiftc -enable-testing \
    -Xcc '-fsanitize-coverage=inline-8bit-counters,pc-table' || return
  for target in "$fuzz"/Swift/*/; do
    target=$(basename "$target")
    swiftc -use-ld=lld -sanitize=fuzzer,address -Xlinker --whole-archive \
      "$work/swift/release/lib$target.a" -Xlinker --no-whole-archive \
      -lcrypto -lcrypt -o "$work/$target" || return
  done
}

# Nothing is built again that has not changed.
if [ ! -e "$work/built" ] ||
  [ -n "$(find Sources Package.swift "$fuzz" -path "$fuzz/Corpus" -prune -o -type f \
    -newer "$work/built" -print -quit)" ]; then
  rm -f -- "$work"/objects/*.o "$work/built"
  if ! { build_c && build_swift; } >"$work/build.log" 2>&1; then
    cat "$work/build.log" >&2
    echo 'FAILED  the fuzz targets do not build' >&2
    exit 1
  fi
  touch "$work/built"
fi

# Running ------------------------------------------------------------------------------------

# merged TARGET OPTION...: puts the fewest inputs that cover all into the place of the corpus. What
# somebody gave a name to stays: it once showed a fault.
merged() {
  local target=$1 fresh=$work/merged/$1 path
  shift
  rm -rf -- "$fresh"
  mkdir -p "$fresh"
  # What runs counts, not how often: that would keep five times as many.
  "$work/$target" "$@" -merge=1 -use_counters=0 \
    "$fresh" "$fuzz/Corpus/$target" "$work/grown/$target" || return
  for path in "$fuzz/Corpus/$target"/*; do
    [[ ${path##*/} =~ ^[0-9a-f]{40}$ ]] && rm -f -- "$path"
  done
  cp -- "$fresh"/* "$fuzz/Corpus/$target"
}

failed=0
for target in "${targets[@]}"; do
  corpus=$fuzz/Corpus/$target grown=$work/grown/$target log=$work/$target.log
  mkdir -p "$corpus" "$grown"
  # Swift keeps pointers with other bits in them, which look like none.
  leaks=0
  [ -e "$fuzz/Kernels/$target.c" ] && [ "$minutes" = 0 ] && leaks=1
  export ASAN_OPTIONS=detect_leaks=$leaks
  options=(-artifact_prefix="$work/found/$target-" -timeout=120 -rss_limit_mb=4096
    -max_len=1024 -len_control=0 "-detect_leaks=$leaks" -print_final_stats=1)
  case $minutes in
    0) run=("$work/$target" "${options[@]}" -runs=0 "$corpus") ;;
    merge) run=(merged "$target" "${options[@]}") ;;
    *)
      options+=("-max_total_time=$((minutes * 60))")
      run=("$work/$target" "${options[@]}" "$grown" "$corpus")
      ;;
  esac
  if "${run[@]}" >"$log" 2>&1; then
    printf 'ok      %-10s %4d inputs in the corpus  %s\n' "$target" \
      "$(find "$corpus" -type f | wc -l)" \
      "$(grep -aE '^#[0-9]+' "$log" | tail -n 1 | tr -s '\t ' ' ')"
  else
    failed=$((failed + 1))
    tail -n 40 "$log" | sed 's/^/        /' >&2
    printf 'FAILED  %s, all of it is in %s\n' "$target" "$log" >&2
    grep -aF 'Test unit written to' "$log" >&2
  fi
done
[ "$failed" -eq 0 ]
