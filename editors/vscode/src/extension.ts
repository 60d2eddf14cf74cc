// The VS Code side of bpfls: starts the language server that comes with the
// extension, shows its status, and offers its commands. All knowledge of programs,
// verdicts and states is the server's.

import * as vscode from 'vscode';
import { registerCommands } from './commands';
import { Server } from './server';
import { Status } from './status';

export async function activate(context: vscode.ExtensionContext): Promise<void> {
  const output = vscode.window.createOutputChannel('bpfls', { log: true });
  const status = new Status();
  const server = new Server(context, output, status);
  context.subscriptions.push(output, status, server);

  registerCommands(context, server, output);
  context.subscriptions.push(
    vscode.workspace.onDidGrantWorkspaceTrust(() => void server.restart()),
    vscode.workspace.onDidChangeConfiguration((event) => {
      if (event.affectsConfiguration('bpfls.server.path') || event.affectsConfiguration('bpfls.log.level')) {
        void server.restart();
      }
    }),
  );
  await server.start();
}
