import { existsSync } from 'node:fs';
import * as path from 'node:path';
import * as vscode from 'vscode';
import {
  ExecuteCommandRequest,
  LanguageClient,
  State,
  type Diagnostic,
  type LanguageClientOptions,
  type ServerOptions,
} from 'vscode-languageclient/node';
import { FileStatusNotification, type Status } from './status';

/** The language server's process and the client that speaks with it. */
export class Server implements vscode.Disposable {
  private client: LanguageClient | undefined;
  /** Starts and stops happen one after the other. */
  private turn: Promise<void> = Promise.resolve();

  constructor(
    private readonly context: vscode.ExtensionContext,
    private readonly output: vscode.LogOutputChannel,
    private readonly status: Status,
  ) {}

  start(): Promise<void> {
    return this.inTurn(() => this.doStart());
  }

  restart(): Promise<void> {
    return this.inTurn(async () => {
      await this.doStop();
      await this.doStart();
    });
  }

  /** Waits until a start or stop that goes on has ended. */
  async ready(): Promise<void> {
    await this.turn;
  }

  /** Runs a command of the server; undefined while there is no server. */
  async execute<T>(command: string, ...args: unknown[]): Promise<T | undefined> {
    if (this.client?.state !== State.Running) {
      void vscode.window.showWarningMessage('bpfls: the server is not running. See the output channel bpfls.');
      return undefined;
    }
    return (await this.client.sendRequest(ExecuteCommandRequest.type, { command, arguments: args })) as T;
  }

  /** The protocol's diagnostics as the editor's. */
  async diagnostics(list: Diagnostic[]): Promise<vscode.Diagnostic[]> {
    return (await this.client?.protocol2CodeConverter.asDiagnostics(list)) ?? [];
  }

  dispose(): void {
    void this.inTurn(() => this.doStop());
  }

  private inTurn(action: () => Promise<void>): Promise<void> {
    this.turn = this.turn.then(action, action);
    return this.turn;
  }

  private async doStart(): Promise<void> {
    const program = serverProgram(this.context);
    if (!existsSync(program.path)) {
      this.status.failed(`${program.path} does not exist (${program.origin}).`);
      void vscode.window.showErrorMessage(
        `bpfls: ${program.path} does not exist (${program.origin}). Correct bpfls.server.path, or install the extension for this platform.`,
      );
      return;
    }
    this.output.info(`server: ${program.path} (${program.origin})`);

    const level = vscode.workspace.getConfiguration('bpfls').get<string>('log.level', 'info');
    const run = { command: program.path, args: ['lsp', '--log-level', level] };
    const serverOptions: ServerOptions = { run, debug: run };
    const clientOptions: LanguageClientOptions = {
      documentSelector: [
        { scheme: 'file', language: 'c' },
        { scheme: 'file', language: 'cpp', pattern: '**/*.h' },
      ],
      outputChannel: this.output,
      initializationOptions: {
        trusted: vscode.workspace.isTrusted,
        clangd: vscode.extensions.getExtension('llvm-vs-code-extensions.vscode-clangd') !== undefined,
      },
      synchronize: { configurationSection: 'bpfls' },
      markdown: { supportHtml: false, isTrusted: false },
    };
    this.client = new LanguageClient('bpfls', 'bpfls', serverOptions, clientOptions);
    this.client.onNotification(FileStatusNotification, (params) => {
      this.status.update(params);
    });
    this.client.onDidChangeState((event) => {
      // The client starts a server that died again by itself, a few times.
      switch (event.newState) {
        case State.Starting:
          this.status.starting();
          break;
        case State.Running:
          this.status.started();
          break;
        case State.Stopped:
          this.status.failed('The server stopped.');
      }
    });
    await this.client.start();
  }

  private async doStop(): Promise<void> {
    const client = this.client;
    this.client = undefined;
    if (client !== undefined) {
      this.status.starting();
      await client.dispose();
    }
  }
}

/** The program to run, and why that one. A workspace's setting counts only where the workspace is trusted. */
function serverProgram(context: vscode.ExtensionContext): { path: string; origin: string } {
  const setting = vscode.workspace.getConfiguration('bpfls').inspect<string>('server.path');
  const value = vscode.workspace.isTrusted
    ? (setting?.workspaceFolderValue ?? setting?.workspaceValue ?? setting?.globalValue)
    : setting?.globalValue;
  if (value !== undefined && value !== '') {
    return { path: value, origin: 'setting bpfls.server.path' };
  }
  const name = process.platform === 'win32' ? 'bpfls.exe' : 'bpfls';
  return { path: path.join(context.extensionPath, 'bin', name), origin: 'comes with the extension' };
}
