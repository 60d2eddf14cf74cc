#!/bin/sh
# Builds the objects beside their sources, with clang 19.
set -e
cd "$(dirname "$0")"
for source in *.c; do
    name=${source%.c}
    level=-O2
    case $name in callx) level=-O0 ;; esac
    clang-19 -target bpf $level -g -c -o "$name.o" "$source"
done
clang-19 -target bpfeb -O2 -g -c -o programs.eb.o programs.c
clang-19 -target bpfeb -O2 -g -c -o btf_maps.eb.o btf_maps.c
clang-19 -target bpf -O2 -c -o data.nobtf.o data.c
