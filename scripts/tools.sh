#!/usr/bin/env bash
# Makes sure that the tools for a goal are there: tools.sh demo | test.
# As root on Debian or Ubuntu it installs what is missing; otherwise it says what to install.
set -euo pipefail

goal=${1:?usage: tools.sh demo|test}
missing=()
optional=() # a few tests are skipped without them; not every release has these packages

# have COMMAND PACKAGE: the package is wanted where the command is missing.
have() { command -v "$1" >/dev/null 2>&1 || missing+=("$2"); }
# file PATH PACKAGE
file() { [ -e "$1" ] || missing+=("$2"); }

clang=
for name in clang-{22,21,20,19,18,17,16,15} clang; do
  if command -v "$name" >/dev/null 2>&1 && "$name" --print-targets 2>/dev/null | grep -qw bpf; then
    clang=$name
    break
  fi
done
[ -n "$clang" ] || missing+=(clang-19)

if [ "$goal" = test ]; then
  have clang-19 clang-19
  have llvm-objdump-19 llvm-19
  have nvim neovim
  have emacs emacs-nox
  file /usr/lib/emacsen-common/packages/install/elpa-eglot elpa-eglot
  have chromium chromium
  have g++ g++
  have python3 python3
  file /usr/include/bpf/bpf_helpers.h libbpf-dev
  file /usr/include/linux/bpf.h linux-libc-dev
  command -v git >/dev/null 2>&1 || optional+=(git)
  command -v bpftool >/dev/null 2>&1 || [ -x /usr/sbin/bpftool ] || optional+=(bpftool)
fi

for tool in go $([ "$goal" = test ] && echo node npm); do
  if ! command -v "$tool" >/dev/null 2>&1; then
    echo "$tool was not found. bpfls is built with Go 1.26; the editor tests need Node 20 or later with npm." >&2
    exit 1
  fi
done

[ $((${#missing[@]} + ${#optional[@]})) -eq 0 ] && exit 0

if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
  echo "installing:" ${missing[@]+"${missing[@]}"} ${optional[@]+"${optional[@]}"}
  export DEBIAN_FRONTEND=noninteractive
  log=$(mktemp)
  trap 'rm -f "$log"' EXIT
  install() { apt-get install -y -q --no-install-recommends "$@" >"$log" 2>&1; }
  if ! apt-get update -q >"$log" 2>&1 || { [ ${#missing[@]} -gt 0 ] && ! install "${missing[@]}"; }; then
    tail -20 "$log" >&2
    echo "apt-get could not install: ${missing[*]}" >&2
    exit 1
  fi
  for package in ${optional[@]+"${optional[@]}"}; do
    install "$package" || echo "apt-get could not install $package; tests that need it are skipped"
  done
elif [ ${#missing[@]} -gt 0 ]; then
  echo "These packages are missing: ${missing[*]}" >&2
  echo "Debian and Ubuntu: sudo apt-get install ${missing[*]}" >&2
  echo "macOS: brew install llvm    Windows: winget install LLVM.LLVM" >&2
  exit 1
fi
