#!/bin/sh
# Makes field.wasm of field.c with Debian's clang 14 and lld; gives the same bytes everywhere.
#   usage: build.sh [OUTPUT]
set -eu
cd "$(dirname "$0")"
clang-14 --target=wasm32 -O3 -msimd128 -mbulk-memory -ffreestanding -fno-ident -nostdlib -Wall -Wextra \
  -Wl,--no-entry -Wl,--export=__heap_base -Wl,--strip-all -Wl,-z,stack-size=16384 -o "${1:-field.wasm}" field.c
