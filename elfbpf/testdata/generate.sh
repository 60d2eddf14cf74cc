#!/bin/sh
# Builds the objects beside their sources, with clang 19.
set -e
cd "$(dirname "$0")"
clang="clang-19 -g -ffile-compilation-dir=. -c"
for source in *.c; do
    name=${source%.c}
    case $name in debug) continue ;; esac
    level=-O2
    case $name in callx) level=-O0 ;; esac
    $clang -target bpf $level -o "$name.o" "$source"
done
$clang -target bpfeb -O2 -o programs.eb.o programs.c
$clang -target bpfeb -O2 -o btf_maps.eb.o btf_maps.c
$clang -target bpf -O2 -g0 -o data.nobtf.o data.c
$clang -target bpf -O2 -gdwarf-4 -o debug.dwarf4.o debug.c
$clang -target bpf -O2 -gdwarf-5 -o debug.dwarf5.o debug.c
$clang -target bpfeb -O2 -gdwarf-5 -o debug.eb.o debug.c
