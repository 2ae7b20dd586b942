#!/bin/sh
# Runs the C and the Rust interface under valgrind: good calls and bad ones. Any error of memory, and any definite leak in C, fails.
#
#     tests/native/sanitize.sh            needs cargo, cc and valgrind
#
# valgrind knows no AVX-512, so the vector functions that it runs are those for AVX2; the rest is what runs everywhere.
set -eu
cd "$(dirname "$0")/../.."
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cargo build --quiet
functions=$(sed -n 's/^fn \([a-z_]*\)(.*/--fn \1/p' tests/native/kernels.tome)
# shellcheck disable=SC2086
target/debug/microtome build tests/native/kernels.tome $functions -o "$folder/libkernels.a"
for program in results bad_input; do
    cc -std=c99 -g -I"$folder" -Itests/native "tests/native/$program.c" "$folder/libkernels.a" -lpthread -ldl -lm \
        -o "$folder/$program"
    valgrind --quiet --error-exitcode=9 --leak-check=full --errors-for-leak-kinds=definite \
        --soname-synonyms=somalloc=nouserintercepts "$folder/$program" > "$folder/$program.out"
    echo "$program: no errors"
done
rust=$(cargo test --quiet --test embedding --no-run --message-format=json | sed -n 's/.*"executable":"\([^"]*embedding-[^"]*\)".*/\1/p' | tail -n 1)
valgrind --quiet --error-exitcode=9 "$rust" --test-threads=1 > "$folder/rust.out"
echo "embedding: no errors"
