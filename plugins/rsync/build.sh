#!/bin/sh
# Makes delta.wasm of delta.c with Debian's clang 14 and lld; gives the same bytes everywhere.
#   usage: build.sh [OUTPUT]
set -eu
cd "$(dirname "$0")"
clang-14 --target=wasm32 -O3 -msimd128 -mbulk-memory -ffreestanding -fno-ident -nostdlib -Wall -Wextra \
  -Wl,--no-entry -Wl,--import-memory -Wl,--strip-all -Wl,-z,stack-size=16384 -o "${1:-delta.wasm}" delta.c
