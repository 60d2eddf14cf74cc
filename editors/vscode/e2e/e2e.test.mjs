// The extension as a user meets it: the real workbench, the real server, real clang.
//
//   BPFLS_VSIX         the packaged extension (default: ../bpfls.vsix)
//   BPFLS_SCREENSHOTS  where pictures go (default: ../../../build/e2e)

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { openWorkbench, until } from './workbench.mjs';

const here = path.dirname(fileURLToPath(import.meta.url));
const vsix = path.resolve(process.env.BPFLS_VSIX ?? path.join(here, '../bpfls.vsix'));
const pictures = path.resolve(process.env.BPFLS_SCREENSHOTS ?? path.join(here, '../../../build/e2e'));

/** A copy of a fixture folder that a test may change. */
function copyOf(fixture) {
  const folder = path.join(fs.mkdtempSync(path.join(os.tmpdir(), 'bpfls-workspace-')), 'packets');
  fs.cpSync(path.join(here, 'fixtures', fixture), folder, { recursive: true });
  return folder;
}

/** Builds the object that a build would leave beside the source. */
function buildObject(folder) {
  execFileSync('clang-19', ['-target', 'bpf', '-O2', '-g', '-c', 'parse.bpf.c', '-o', 'parse.bpf.o'], { cwd: folder });
}

function picture(name) {
  fs.mkdirSync(pictures, { recursive: true });
  return path.join(pictures, `${name}.png`);
}

describe('a trusted folder', { timeout: 480_000 }, () => {
  let folder, session, page, workbench;

  before(async () => {
    folder = copyOf('xdp');
    buildObject(folder);
    session = await openWorkbench({ vsix, folder });
    ({ page, workbench } = session);
    await workbench.open('parse.bpf.c');
  });

  after(async () => {
    await session?.close();
    fs.rmSync(path.dirname(folder), { recursive: true, force: true });
  });

  it('underlines the failing expression and nothing else', async () => {
    await workbench.squiggles().first().waitFor({ state: 'attached', timeout: 60_000 });
    assert.equal(await workbench.squiggles().count(), 1);
    const line = workbench.editor('parse.bpf.c').locator('.view-line', { hasText: 'return data[23] == 6' });
    const [squiggle, text] = [await workbench.squiggles().first().boundingBox(), await line.boundingBox()];
    assert.ok(Math.abs(squiggle.y - text.y) < text.height, 'the squiggle is in the line of data[23]');
    // "    return data[23] == 6": the expression is columns 12 to 20 of 8 characters.
    const character = (await line.locator('span > span').last().boundingBox());
    assert.ok(squiggle.width < character.x + character.width - text.x, 'the squiggle is narrower than the line');
  });

  it('says in the Problems panel what is not proven', async () => {
    const rows = await workbench.problems();
    assert.match(rows.join('\n'), /reads data\[23\], byte 23 of the packet; only bytes 0 to 13 are known to be there/);
    await page.keyboard.press('Control+j');
  });

  it('shows on hover what the verifier knows', async () => {
    const text = await workbench.hover(workbench.squiggles().first());
    await page.screenshot({ path: picture('vscode') });
    assert.match(text, /BPF-packet-bounds/);
    assert.match(text, /packet/);
    await page.keyboard.press('Escape');
  });

  it('shows the state on a line that is proven', async () => {
    const word = workbench.editor('parse.bpf.c').locator('.view-line', { hasText: 'eth->type' }).locator('span > span').nth(1);
    const text = await workbench.hover(word);
    assert.match(text, /proven here: \d+ of \d+/);
    await page.keyboard.press('Escape');
  });

  it('is content once the program is mended and saved', async () => {
    await workbench.goto(14, 16);
    await page.keyboard.press('Delete');
    await page.keyboard.press('Delete');
    await page.keyboard.type('24');
    await page.keyboard.press('Control+s');
    await until('the squiggle is gone', async () => (await workbench.squiggles().count()) === 0);
    await until('the status bar says verified', async () => /verified/i.test(await workbench.status()));
    assert.match(fs.readFileSync(path.join(folder, 'parse.bpf.c'), 'utf8'), /data \+ 24 >/);
    await page.screenshot({ path: picture('vscode-verified') });
  });

  it('shows the disassembly by command', async () => {
    await workbench.command('bpfls: Show Disassembly');
    await page.locator('.view-line', { hasText: 'exit' }).first().waitFor({ timeout: 30_000 });
    await page.screenshot({ path: picture('vscode-disassembly') });
  });

  it('verifies again when its server was killed, and when it is told to restart', async () => {
    await workbench.open('parse.bpf.c');
    for (const end of [
      () => process.kill(session.processes('bpfls-server')[0], 'SIGKILL'),
      () => workbench.command('bpfls: Restart Server'),
    ]) {
      const [old] = session.processes('bpfls-server');
      await end();
      await until('another server runs', () => session.processes('bpfls-server').some((pid) => pid !== old));
      await until('the status bar says verified', async () => /verified/i.test(await workbench.status()));
    }
  });

  it('opens an object as text with its findings, which follow the file', async () => {
    const object = page.locator('.editor-instance .monaco-editor[data-uri^="bpfls:"][data-uri*="parse.bpf.o"]');
    await workbench.choose('parse.bpf.o');
    await object.locator('.view-line', { hasText: '; hook xdp' }).first().waitFor({ timeout: 60_000 });
    await object.locator('.squiggly-error').first().waitFor({ state: 'attached', timeout: 30_000 });
    await page.screenshot({ path: picture('vscode-object') });
    buildObject(folder); // the source is mended by now
    await until('the squiggle is gone', async () => (await object.locator('.squiggly-error').count()) === 0);
  });
});

describe('an untrusted folder', { timeout: 480_000 }, () => {
  it('compiles nothing, runs no program that the folder names, and says so', async () => {
    const folder = copyOf('xdp');
    const marks = fs.mkdtempSync(path.join(os.tmpdir(), 'bpfls-marks-'));
    // Every clang that could be found, and the one that the folder names, would leave a mark.
    const clang = path.join(marks, 'clang');
    fs.writeFileSync(clang, `#!/bin/sh\necho "$@" >> ${marks}/ran\nexit 1\n`, { mode: 0o755 });
    for (const version of [22, 21, 20, 19, 18, 17, 16, 15, 14]) fs.symlinkSync(clang, `${clang}-${version}`);
    fs.mkdirSync(path.join(folder, '.vscode'));
    fs.writeFileSync(
      path.join(folder, '.vscode/settings.json'),
      JSON.stringify({ 'bpfls.clang.path': clang, 'bpfls.server.path': clang }),
    );
    const session = await openWorkbench({
      vsix, folder, trust: false,
      settings: { 'security.workspace.trust.startupPrompt': 'never', 'security.workspace.trust.untrustedFiles': 'open' },
      env: { PATH: `${marks}:${process.env.PATH}` },
    });
    try {
      await session.workbench.open('parse.bpf.c');
      await until('the status bar says untrusted', async () => /untrusted/.test(await session.workbench.status()));
      await session.page.screenshot({ path: picture('vscode-untrusted') });
      await new Promise((resolve) => setTimeout(resolve, 3000));
      assert.equal(await session.workbench.squiggles().count(), 0);
      assert.equal(fs.existsSync(path.join(marks, 'ran')), false, 'nothing ran');
    } finally {
      await session.close();
      fs.rmSync(path.dirname(folder), { recursive: true, force: true });
      fs.rmSync(marks, { recursive: true, force: true });
    }
  });
});
