#!/bin/sh
set -e
cd "$(dirname "$0")"
clang-14 --target=wasm32 -O3 -msimd128 -mbulk-memory -ffreestanding -nostdlib -Wall -Wextra $CF \
  -Wl,--no-entry -Wl,--import-memory -Wl,--strip-all -Wl,-z,stack-size=16384 -o ${1:-delta.wasm} delta.c
