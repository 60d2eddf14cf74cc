// An editor without a window: the client library of VS Code's protocol, a folder of
// files, and what the server said.

import { spawn } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import {
  ConfigurationRequest, DiagnosticSeverity, DiagnosticTag, DidChangeTextDocumentNotification,
  DidCloseTextDocumentNotification, DidOpenTextDocumentNotification, DidSaveTextDocumentNotification,
  ExecuteCommandRequest, ExitNotification, HoverRequest, InitializeRequest, InitializedNotification, MarkupKind,
  PublishDiagnosticsNotification, ShowMessageNotification, ShutdownRequest, StreamMessageReader,
  StreamMessageWriter, WorkDoneProgressCreateRequest, createProtocolConnection,
} from 'vscode-languageserver-protocol/node';

const here = path.dirname(fileURLToPath(import.meta.url));
const server = process.env.BPFLS;

/** What a client can do. */
export const everything = {
  general: { positionEncodings: ['utf-16'] },
  textDocument: {
    synchronization: { didSave: true },
    publishDiagnostics: { relatedInformation: true, versionSupport: true, tagSupport: { valueSet: [DiagnosticTag.Unnecessary] } },
    hover: { contentFormat: [MarkupKind.Markdown, MarkupKind.PlainText] },
  },
  window: { workDoneProgress: true },
  workspace: { configuration: true, workspaceFolders: true },
};

export class Editor {
  published = []; // every publication: { name, version, diagnostics, text }
  messages = [];
  statuses = []; // every bpfls/status: { name, state, message }
  versions = new Map();
  texts = new Map();
  #waiting = new Set();

  /**
   * Starts a server on a folder that holds a copy of the fixtures.
   * options: capabilities, initializationOptions, settings, chroot
   */
  static async start(options = {}) {
    const editor = new Editor();
    const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'bpfls-client-'));
    editor.root = folder;
    editor.folder = options.chroot ? path.join(folder, 'inside') : folder;
    editor.shown = options.chroot ? '/inside' : folder;
    fs.cpSync(path.join(here, 'fixtures'), editor.folder, { recursive: true });
    let [command, args] = [server, ['lsp', '--log-level', 'debug']];
    if (process.env.WITHOUT) args.push('--without', process.env.WITHOUT);
    if (options.chroot) {
      for (const name of ['bpfls', 'bpfls-server']) fs.copyFileSync(path.join(path.dirname(server), name), path.join(folder, name));
      fs.mkdirSync(path.join(folder, 'tmp'));
      [command, args] = ['chroot', [folder, '/bpfls', ...args]];
    }
    editor.process = spawn(command, args, { stdio: ['pipe', 'pipe', 'pipe'], env: { ...process.env, ...options.env } });
    editor.log = '';
    editor.process.stderr.on('data', (data) => { editor.log += data; });
    editor.exited = new Promise((resolve) => editor.process.on('exit', resolve));
    const connection = createProtocolConnection(
      new StreamMessageReader(editor.process.stdout), new StreamMessageWriter(editor.process.stdin));
    editor.connection = connection;
    connection.onNotification(PublishDiagnosticsNotification.type, (params) => {
      editor.published.push({ name: editor.name(params.uri), version: params.version, diagnostics: params.diagnostics, at: Date.now() });
      editor.#changed();
    });
    connection.onNotification(ShowMessageNotification.type, (params) => {
      editor.messages.push(params);
      editor.#changed();
    });
    connection.onNotification('bpfls/status', (params) => {
      editor.statuses.push({ name: editor.name(params.uri), state: params.state, message: params.message });
      editor.#changed();
    });
    connection.onRequest(ConfigurationRequest.type, (params) => params.items.map(() => options.settings ?? {}));
    connection.onRequest(WorkDoneProgressCreateRequest.type, () => {});
    connection.listen();
    const root = pathToFileURL(editor.shown).toString();
    editor.initialized = await connection.sendRequest(InitializeRequest.type, {
      processId: process.pid, rootUri: root, workspaceFolders: [{ uri: root, name: 'test' }],
      capabilities: options.capabilities ?? everything,
      initializationOptions: options.initializationOptions,
    });
    await connection.sendNotification(InitializedNotification.type, {});
    return editor;
  }

  async stop() {
    await this.connection.sendRequest(ShutdownRequest.type);
    await this.connection.sendNotification(ExitNotification.type);
    const code = await this.exited;
    this.connection.dispose();
    fs.rmSync(this.root, { recursive: true, force: true });
    return code;
  }

  uri(name) { return pathToFileURL(path.join(this.shown, name)).toString(); }
  name(uri) { return path.relative(this.shown, fileURLToPath(uri)); }
  path(name) { return path.join(this.folder, name); }
  read(name) { return fs.readFileSync(this.path(name), 'utf8'); }
  write(name, text) { fs.writeFileSync(this.path(name), text); }

  async open(name, text = this.read(name)) {
    this.versions.set(name, 1);
    this.texts.set(name, text);
    await this.connection.sendNotification(DidOpenTextDocumentNotification.type, {
      textDocument: { uri: this.uri(name), languageId: 'c', version: 1, text },
    });
  }

  /** Replaces the only occurrence of a text in the buffer. */
  async edit(name, old, text) {
    const buffer = this.texts.get(name);
    const at = buffer.indexOf(old);
    if (at < 0 || buffer.indexOf(old, at + 1) >= 0) {
      throw new Error(`${JSON.stringify(old)} is not once in ${name}`);
    }
    const range = { start: position(buffer, at), end: position(buffer, at + old.length) };
    this.texts.set(name, buffer.slice(0, at) + text + buffer.slice(at + old.length));
    const version = this.versions.get(name) + 1;
    this.versions.set(name, version);
    await this.connection.sendNotification(DidChangeTextDocumentNotification.type, {
      textDocument: { uri: this.uri(name), version }, contentChanges: [{ range, text }],
    });
  }

  async save(name) {
    this.write(name, this.texts.get(name));
    await this.connection.sendNotification(DidSaveTextDocumentNotification.type, { textDocument: { uri: this.uri(name) } });
  }

  async close(name) {
    await this.connection.sendNotification(DidCloseTextDocumentNotification.type, { textDocument: { uri: this.uri(name) } });
  }

  command(name, ...args) {
    return this.connection.sendRequest(ExecuteCommandRequest.type, { command: name, arguments: args });
  }

  /** The hover on the only occurrence of a text. */
  async hover(name, text) {
    const buffer = this.texts.get(name);
    const at = buffer.indexOf(text);
    if (at < 0 || buffer.indexOf(text, at + 1) >= 0) {
      throw new Error(`${JSON.stringify(text)} is not once in ${name}`);
    }
    const hover = await this.connection.sendRequest(HoverRequest.type, {
      textDocument: { uri: this.uri(name) }, position: position(buffer, at),
    });
    return hover === null ? null : hover.contents.value;
  }

  /** The newest diagnostics of a file; undefined if none were ever published. */
  diagnostics(name) {
    return this.published.findLast((p) => p.name === name)?.diagnostics;
  }

  status(name) {
    return this.statuses.findLast((s) => s.name === name);
  }

  /** Waits until a condition holds, looking again whenever the server says something. */
  async until(what, holds, seconds = Number(process.env.PATIENCE ?? 60)) {
    const limit = Date.now() + seconds * 1000;
    while (!(await holds())) {
      const left = limit - Date.now();
      if (left <= 0) {
        throw new Error(`not reached: ${what}\n${JSON.stringify({
          published: this.published, statuses: this.statuses, messages: this.messages }, null, 1)}\n${this.log}`);
      }
      await new Promise((resolve) => {
        const timer = setTimeout(resolve, left);
        this.#waiting.add(() => { clearTimeout(timer); resolve(); });
      });
    }
  }

  untilState(name, state) {
    return this.until(`${name} is ${state}`, () => this.status(name)?.state === state);
  }

  /** Waits until a file has as many diagnostics, and returns them. */
  async untilDiagnostics(name, count) {
    await this.until(`${count} diagnostics in ${name}`, () => this.diagnostics(name)?.length === count);
    return this.diagnostics(name);
  }

  /** The text that a range of the buffer has. */
  textAt(name, range) {
    const lines = (this.texts.get(name) ?? this.read(name)).split('\n');
    if (range.start.line !== range.end.line) {
      return `${lines[range.start.line].slice(range.start.character)}...`;
    }
    return lines[range.start.line].slice(range.start.character, range.end.character);
  }

  #changed() {
    const waiting = [...this.#waiting];
    this.#waiting.clear();
    waiting.forEach((wake) => wake());
  }
}

/** Positions of JavaScript strings are UTF-16, as LSP's are where nothing else was agreed on. */
function position(text, offset) {
  const before = text.slice(0, offset).split('\n');
  return { line: before.length - 1, character: before.at(-1).length };
}

export { DiagnosticSeverity, DiagnosticTag };
