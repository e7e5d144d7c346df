#!/bin/sh
# build.sh - compile the C and assembly files of a folder and link them with its kernel.ld.
#
#   sh build.sh [--supervisor] [--compressed] [OUTPUT [FOLDER]]    OUTPUT: kernel.elf, FOLDER: where this script is
#
# --supervisor: for S mode over an SBI, at 0x80400000. Without it: for M mode, at 0x80000000.
# --compressed: for RV32IMAC, as compilers do when they are not asked. Without it: for RV32IMA.
# The compiler is $CC if that is set, else riscv64-unknown-elf-gcc, else zig (`pip install ziglang`).
set -eu

supervisor=
c=
while :; do
    case ${1:-} in
    --supervisor) supervisor=yes ;;
    --compressed) c=c ;;
    *) break ;;
    esac
    shift
done
output=${1:-kernel.elf}
folder=${2:-$(dirname "$0")}
[ -f "$folder/kernel.ld" ] || { echo "build.sh: $folder has no kernel.ld" >&2; exit 2; }

if [ -n "${CC:-}" ]; then compiler=$CC
elif command -v riscv64-unknown-elf-gcc >/dev/null; then compiler=riscv64-unknown-elf-gcc
elif command -v zig >/dev/null; then compiler="zig cc"
elif python3 -c "import ziglang" 2>/dev/null; then compiler="python3 -m ziglang cc"
else
    echo "build.sh: no compiler: install riscv64-unknown-elf-gcc, or run: pip install ziglang" >&2
    exit 2
fi

# Freestanding C, at any address; no relaxation against gp, which nobody sets.
flags="-mabi=ilp32 -mcmodel=medany -mno-relax -ffreestanding -fno-pic -O2 -g -Wall -Wextra"
# libraries: what the compiler calls for, say, a division of 64 bits; zig makes its own, once, in ten seconds.
libraries=
case $compiler in
*zig*)
    flags="-target riscv32-freestanding-none -mcpu=generic_rv32+m+a${c:++c} $flags -fno-sanitize=all"
    libraries=-lcompiler_rt
    ;;
*clang*) flags="--target=riscv32-unknown-elf -march=rv32ima$c $flags" ;;
*)
    flags="-march=rv32ima${c}_zicsr_zifencei $flags"
    libraries=$($compiler -march=rv32im${c:+ac} -mabi=ilp32 -print-libgcc-file-name)
    ;;
esac

objects=$(mktemp -d)
trap 'rm -rf "$objects"' EXIT
layout=$folder/kernel.ld
if [ -n "$supervisor" ]; then
    flags="$flags -DSUPERVISOR"
    sed 's/\. = 0x80000000;/. = 0x80400000;/' "$layout" >"$objects/kernel.ld"
    layout=$objects/kernel.ld
fi
for source in "$folder"/*.c "$folder"/*.S; do
    [ -f "$source" ] || continue
    $compiler $flags -c "$source" -o "$objects/$(basename "$source").o"
done
$compiler $flags -nostdlib -static -Wl,--build-id=none -T "$layout" "$objects"/*.o $libraries -o "$output"
