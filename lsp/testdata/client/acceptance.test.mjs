// What an editor sees, over real stdio, with the real server and real clang.
//
//   BPFLS    the server's binary, required
//   UPDATE   1: write the golden hover texts anew
//   WITHOUT  features of the server to switch off
//   PATIENCE seconds that a test waits for what must come; 60 if not set

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { test as nodeTest } from 'node:test';
import { fileURLToPath } from 'node:url';
import { setTimeout as sleep } from 'node:timers/promises';
import { DiagnosticSeverity, DiagnosticTag, Editor, everything } from './client.mjs';

const here = path.dirname(fileURLToPath(import.meta.url));

/** Runs a test in an editor of its own. */
function test(name, options, body) {
  if (body === undefined) {
    [options, body] = [{}, options];
  }
  nodeTest(name, { timeout: 240_000, skip: options.skip }, async () => {
    const editor = await Editor.start(options);
    try {
      await body(editor);
      assert.equal(await editor.stop(), 0, 'exit code');
    } finally {
      editor.process.kill();
    }
  });
}

test('a failing file is opened: one diagnostic, on the failing expression; fixed and saved: gone', async (editor) => {
  await editor.open('read.bpf.c');
  const [finding] = await editor.untilDiagnostics('read.bpf.c', 1);
  assert.deepEqual(finding.range, { start: { line: 10, character: 18 }, end: { line: 10, character: 26 } });
  assert.equal(editor.textAt('read.bpf.c', finding.range), 'data[23]');
  assert.equal(finding.severity, DiagnosticSeverity.Error);
  assert.equal(finding.source, 'bpfls');
  assert.equal(finding.code, 'BPF-packet-bounds');
  assert.equal(finding.message, 'reads data[23], byte 23 of the packet; only bytes 0 to 13 are known to be there.');
  assert.equal(editor.published.at(-1).version, 1);
  assert.ok(finding.relatedInformation.some((r) => r.message.startsWith('verifier, xdp read_byte: ')));
  await editor.untilState('read.bpf.c', 'failed');
  await editor.edit('read.bpf.c', 'data[23]', 'data[13]');
  await editor.save('read.bpf.c');
  await editor.untilDiagnostics('read.bpf.c', 0);
  await editor.untilState('read.bpf.c', 'verified');
});

test('after an edit nothing is shown as current', async (editor) => {
  await editor.open('read.bpf.c');
  await editor.untilDiagnostics('read.bpf.c', 1);
  await editor.edit('read.bpf.c', 'SEC("xdp")', '// new\nSEC("xdp")');
  await editor.until('the finding moved', () => editor.diagnostics('read.bpf.c')[0].range.start.line === 11);
  await editor.untilState('read.bpf.c', 'outdated');
  await editor.edit('read.bpf.c', 'type + data[23]', 'type + data[2]');
  await editor.until('it is marked', () => /^out of date/.test(editor.diagnostics('read.bpf.c')[0].message));
  assert.deepEqual(editor.diagnostics('read.bpf.c')[0].tags, [DiagnosticTag.Unnecessary]);
  assert.match(await editor.hover('read.bpf.c', 'data[2]'), /out of date: verified before your last edit/);
  await editor.edit('read.bpf.c', 'type + data[2]', 'type + data[23]');
  await editor.edit('read.bpf.c', '// new\n', '');
  await editor.untilState('read.bpf.c', 'failed');
  assert.equal(editor.diagnostics('read.bpf.c')[0].range.start.line, 10);
});

test('a header that changes on disk has its sources verified again', async (editor) => {
  await editor.open('read.bpf.c');
  await editor.untilDiagnostics('read.bpf.c', 1);
  editor.write('limit.h', '#define CHECKED 24\n');
  await editor.untilDiagnostics('read.bpf.c', 0);
  await editor.untilState('read.bpf.c', 'verified');
  editor.write('limit.h', '#define CHECKED 20\n');
  await editor.untilDiagnostics('read.bpf.c', 1);
  await editor.untilState('read.bpf.c', 'failed');
});

test('a header that was searched for in vain appears', async (editor) => {
  fs.renameSync(editor.path('limit.h'), editor.path('limit.h.away'));
  await editor.open('read.bpf.c');
  const [error] = await editor.untilDiagnostics('read.bpf.c', 1);
  assert.equal(error.source, 'clang');
  assert.match(error.message, /limit\.h/);
  await editor.untilState('read.bpf.c', 'unknown');
  fs.renameSync(editor.path('limit.h.away'), editor.path('limit.h'));
  await editor.until('it is verified', () => editor.diagnostics('read.bpf.c')[0]?.code === 'BPF-packet-bounds');
});

test('a file that is replaced by renaming another over it is verified again', async (editor) => {
  await editor.open('read.bpf.c');
  await editor.untilDiagnostics('read.bpf.c', 1);
  editor.write('read.bpf.c~', editor.read('read.bpf.c').replace('data[23]', 'data[13]'));
  fs.renameSync(editor.path('read.bpf.c~'), editor.path('read.bpf.c'));
  await editor.until('the old finding is not shown as current', () => !editor.diagnostics('read.bpf.c').some((d) => d.severity === 1));
  await editor.edit('read.bpf.c', 'data[23]', 'data[13]'); // the editor reloads
  await editor.untilState('read.bpf.c', 'verified');
  assert.deepEqual(editor.diagnostics('read.bpf.c'), []);
});

const git = (editor, ...args) => execFileSync('git', ['-c', 'user.name=test', '-c', 'user.email=test@localhost', ...args],
  { cwd: editor.folder, stdio: 'pipe' });
test('git switches to another branch and back', async (editor) => {
  git(editor, 'init', '-q', '-b', 'main');
  git(editor, 'add', '.');
  git(editor, 'commit', '-qm', 'one');
  git(editor, 'checkout', '-qb', 'other');
  editor.write('limit.h', '#define CHECKED 24\n');
  git(editor, 'commit', '-qam', 'two');
  git(editor, 'checkout', '-q', 'main');
  await editor.open('read.bpf.c');
  await editor.untilState('read.bpf.c', 'failed');
  git(editor, 'checkout', '-q', 'other');
  await editor.untilState('read.bpf.c', 'verified');
  assert.deepEqual(editor.diagnostics('read.bpf.c'), []);
  git(editor, 'checkout', '-q', 'main');
  await editor.untilState('read.bpf.c', 'failed');
  assert.equal(editor.diagnostics('read.bpf.c').length, 1);
});

test('ten saves in a second: the result of the last one, and no older one after it', async (editor) => {
  await editor.open('read.bpf.c');
  await editor.untilDiagnostics('read.bpf.c', 1);
  const began = Date.now();
  for (let i = 1; i <= 10; i++) {
    await editor.edit('read.bpf.c', `data[${22 + i}]`, `data[${23 + i}]`);
    await editor.save('read.bpf.c');
    await sleep(60);
  }
  assert.ok(Date.now() - began < 5000);
  await editor.until('the last result', () => / byte 33 /.test(editor.diagnostics('read.bpf.c')[0].message));
  await editor.untilState('read.bpf.c', 'failed');
  await sleep(1500);
  const bytes = editor.published.flatMap((p) => p.diagnostics).filter((d) => d.severity === 1).map((d) => Number(/ byte (\d+) /.exec(d.message)[1]));
  assert.equal(bytes.at(-1), 33);
  assert.deepEqual(bytes, bytes.toSorted((a, b) => a - b), 'no older result after a newer one');
});

const missing = { settings: { clang: { path: '/nowhere/clang' } } };
test('the clang of the settings is missing: one clear message, and no colour', missing, async (editor) => {
  await editor.open('read.bpf.c');
  await editor.open('one.bpf.c');
  await editor.untilState('read.bpf.c', 'unknown');
  await editor.untilState('one.bpf.c', 'unknown');
  await editor.save('read.bpf.c');
  await sleep(500);
  assert.equal(editor.messages.length, 1);
  assert.match(editor.messages[0].message, /clang was not found.*\/nowhere\/clang.*apt install clang-19/);
  assert.deepEqual(editor.published.flatMap((p) => p.diagnostics), []);
  assert.ok(!editor.statuses.some((s) => s.state === 'verified' || s.state === 'failed'));
});

const nowhere = { chroot: true, skip: process.getuid?.() === 0 ? false : 'only root can hide the clang of this machine' };
test('no clang on the whole machine: one clear message with the command that installs it', nowhere, async (editor) => {
  await editor.open('read.bpf.c');
  await editor.untilState('read.bpf.c', 'unknown');
  assert.equal(editor.messages.length, 1);
  assert.equal(editor.messages[0].message, 'bpfls: clang was not found. Verification is off for this file. Install LLVM ' +
    '(apt install clang-19; winget install LLVM.LLVM; brew install llvm) or set bpfls.clang.path.');
  assert.deepEqual(editor.published.flatMap((p) => p.diagnostics), []);
});

test("a syntax error: clang's diagnostic, and the last verdict is marked", async (editor) => {
  await editor.open('read.bpf.c');
  await editor.untilDiagnostics('read.bpf.c', 1);
  await editor.edit('read.bpf.c', 'int type = data[12];', 'int type = data[12]');
  await editor.save('read.bpf.c');
  const [error, old] = await editor.untilDiagnostics('read.bpf.c', 2);
  assert.equal(error.source, 'clang');
  assert.equal(error.severity, DiagnosticSeverity.Error);
  assert.match(error.message, /expected ';' at end of declaration/);
  assert.equal(error.range.start.line, 9);
  assert.match(old.message, /^out of date \(the source does not compile now\): reads data\[23\], byte 23/);
  assert.equal(old.severity, DiagnosticSeverity.Information);
  assert.equal(editor.textAt('read.bpf.c', old.range), 'data[23]');
  await editor.until('the status says so', () => /does not compile/.test(editor.status('read.bpf.c').message));
  await editor.edit('read.bpf.c', 'int type = data[12]', 'int type = data[12];');
  await editor.save('read.bpf.c');
  await editor.untilDiagnostics('read.bpf.c', 1);
  await editor.untilState('read.bpf.c', 'failed');
});

test('with clangd in the editor compile errors are not shown twice', { initializationOptions: { clangd: true } }, async (editor) => {
  await editor.open('read.bpf.c', editor.read('read.bpf.c').replace('data[12];', 'data[12]'));
  await editor.save('read.bpf.c');
  await editor.until('it does not compile', () => /does not compile/.test(editor.status('read.bpf.c')?.message));
  assert.deepEqual(editor.published.flatMap((p) => p.diagnostics).filter((d) => d.source === 'clang'), []);
});

test('UTF-16: an emoji before the failing expression', async (editor) => {
  assert.equal(editor.initialized.capabilities.positionEncoding, 'utf-16');
  await editor.open('emoji.bpf.c');
  const [finding] = await editor.untilDiagnostics('emoji.bpf.c', 1);
  assert.equal(editor.textAt('emoji.bpf.c', finding.range), 'data[23]');
  assert.deepEqual(finding.range, { start: { line: 8, character: 22 }, end: { line: 8, character: 30 } });
});

const utf8 = { capabilities: { ...everything, general: { positionEncodings: ['utf-8', 'utf-16'] } } };
test('UTF-8, where the client offers it', utf8, async (editor) => {
  assert.equal(editor.initialized.capabilities.positionEncoding, 'utf-8');
  await editor.open('emoji.bpf.c');
  const [finding] = await editor.untilDiagnostics('emoji.bpf.c', 1);
  assert.deepEqual(finding.range, { start: { line: 8, character: 25 }, end: { line: 8, character: 33 } });
});

test('a failing header that two sources include', async (editor) => {
  await editor.open('one.bpf.c');
  await editor.open('two.bpf.c');
  const owners = () => (editor.diagnostics('shared.h') ?? []).map((d) =>
    d.relatedInformation.map((r) => /^found in (\S+),/.exec(r.message)?.[1]).filter(Boolean).sort());
  await editor.until('both own it', () => JSON.stringify(owners()) === '[["one.bpf.c","two.bpf.c"]]');
  const [finding] = editor.diagnostics('shared.h');
  assert.equal(editor.textAt('shared.h', finding.range), 'p[23]');
  await editor.edit('one.bpf.c', 'data + 14', 'data + 24');
  await editor.save('one.bpf.c');
  await editor.until('the other one still owns it', () => JSON.stringify(owners()) === '[["two.bpf.c"]]');
  await editor.untilState('one.bpf.c', 'verified');
  await editor.close('two.bpf.c');
  await editor.untilDiagnostics('shared.h', 0);
});

test('an untrusted workspace: nothing is compiled', { initializationOptions: { trusted: false } }, async (editor) => {
  await editor.open('read.bpf.c');
  await editor.untilState('read.bpf.c', 'untrusted');
  assert.equal((await editor.command('bpfls.verify', editor.uri('read.bpf.c'))).state, 'untrusted');
  await sleep(500);
  assert.deepEqual(editor.published, []);
  assert.doesNotMatch(editor.log, /run begins/);
});

test('only BPF sources are touched; any C file by command', async (editor) => {
  await editor.open('plain.c');
  await editor.untilState('plain.c', 'ignored');
  await editor.save('plain.c');
  await sleep(300);
  assert.doesNotMatch(editor.log, /run begins/);
  const status = await editor.command('bpfls.verify', editor.uri('plain.c'));
  assert.equal(status.state, 'failed'); // its only function is in no hook's section
  assert.match(editor.diagnostics('plain.c')[0].message, /\.text/);
});

test('settings: bpfls.toml on disk changes the verdict', async (editor) => {
  await editor.open('read.bpf.c');
  await editor.untilState('read.bpf.c', 'failed');
  editor.write('bpfls.toml', 'platform = "windos"\n');
  const [problem] = await editor.untilDiagnostics('bpfls.toml', 1);
  assert.equal(editor.textAt('bpfls.toml', problem.range), '"windos"');
  editor.write('bpfls.toml', 'platform = "windows"\nverifyOn = "manual"\n');
  await editor.untilDiagnostics('bpfls.toml', 0);
  await editor.edit('read.bpf.c', 'data[23]', 'data[13]');
  await editor.save('read.bpf.c');
  await editor.untilState('read.bpf.c', 'outdated');
});

test('commands: disassembly and doctor', async (editor) => {
  await editor.open('read.bpf.c');
  await editor.untilState('read.bpf.c', 'failed');
  const text = await editor.command('bpfls.disassemble', editor.uri('read.bpf.c'));
  assert.match(text, /^xdp read_byte:\n/);
  assert.match(text, /\d+:\texit\n/);
  assert.match(await editor.command('bpfls.doctor', editor.uri('read.bpf.c')), /clang/);
});

// Each hover: the text that the cursor is on. The goldens are in hovers/.
const hovers = [
  ['read.bpf.c', 'data = ctx->data;', 'load'],
  ['read.bpf.c', 'data + CHECKED', 'check'],
  ['read.bpf.c', 'data[12]', 'proven'],
  ['read.bpf.c', 'data[23]', 'failing'],
  ['read.bpf.c', 'read_byte', 'program'],
  ['read.bpf.c', 'SEC("xdp")', 'hook'],
  ['one.bpf.c', 'ctx->data;', 'member'],
  ['map.bpf.c', 'bpf_map_lookup_elem(&', 'helper'],
  ['map.bpf.c', '*value += 1', 'null'],
];
test('hovers', async (editor) => {
  await editor.open('read.bpf.c');
  await editor.open('one.bpf.c');
  await editor.open('shared.h');
  await editor.open('map.bpf.c');
  await editor.untilState('read.bpf.c', 'failed');
  await editor.untilState('map.bpf.c', 'failed');
  await editor.untilState('one.bpf.c', 'failed');
  const texts = [...hovers, ['shared.h', 'p[23]', 'inlined']].map(async ([file, text, name]) => [name, await editor.hover(file, text)]);
  for (const [name, text] of await Promise.all(texts)) {
    golden(`${name}.md`, text);
  }
  // Lines without instructions of their own.
  assert.equal(await editor.hover('read.bpf.c', '#include "limit.h"'), null);
  assert.equal(await editor.hover('one.bpf.c', 'far_byte(data)'), null);
});

const plain = { capabilities: { ...everything, textDocument: { ...everything.textDocument, hover: {} } } };
test('a hover in plain text', plain, async (editor) => {
  await editor.open('read.bpf.c');
  await editor.untilState('read.bpf.c', 'failed');
  golden('proven.txt', await editor.hover('read.bpf.c', 'data[12]'));
});

function golden(name, hover) {
  const text = hover.replace(/\(file:\/\/[^)]*\/findings\//g, '(file:///cache/findings/'); // pages are in the user's cache
  const file = path.join(here, 'hovers', name);
  if (process.env.UPDATE === '1') {
    fs.mkdirSync(path.dirname(file), { recursive: true });
    fs.writeFileSync(file, `${text}\n`);
    return;
  }
  assert.equal(`${text}\n`, fs.readFileSync(file, 'utf8'), `hovers/${name}; make golden writes it anew`);
}
