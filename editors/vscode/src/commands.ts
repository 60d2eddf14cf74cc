import * as vscode from 'vscode';
import type { Diagnostic } from 'vscode-languageclient/node';
import type { Server } from './server';

/** Registers the commands of the palette. */
export function registerCommands(
  context: vscode.ExtensionContext,
  server: Server,
  output: vscode.LogOutputChannel,
): void {
  const texts = new Texts();
  const register = (name: string, action: (chosen?: vscode.Uri) => unknown): void => {
    context.subscriptions.push(vscode.commands.registerCommand(`bpfls.${name}`, action));
  };

  context.subscriptions.push(texts, vscode.workspace.registerTextDocumentContentProvider(Texts.scheme, texts));
  register('verifyThisFile', async () => {
    const document = activeSource();
    if (document !== undefined) {
      await server.execute('bpfls.verify', document.uri.toString());
    }
  });
  register('disassembleThisFile', async () => {
    const document = activeSource();
    if (document !== undefined) {
      await texts.show('disassembly', document.uri, await server.execute<string>('bpfls.disassemble', document.uri.toString()));
    }
  });
  register('doctorThisFile', async () => {
    const document = vscode.window.activeTextEditor?.document;
    await texts.show('doctor', document?.uri, await server.execute<string>('bpfls.doctor', document?.uri.toString()));
  });
  register('settingsOfThisFile', async () => {
    const document = activeSource();
    if (document !== undefined) {
      await texts.show('settings', document.uri, await server.execute<string>('bpfls.settings', document.uri.toString()));
    }
  });
  const found = vscode.languages.createDiagnosticCollection('bpfls object');
  context.subscriptions.push(found);
  register('openObject', async (chosen?: vscode.Uri) => {
    const object = chosen ?? (await chooseObject());
    if (object === undefined) {
      return;
    }
    const view = await server.execute<ObjectView>('bpfls.object', object.toString());
    if (view !== undefined) {
      const shown = await texts.show('object', object, view.text);
      found.set(shown, await server.diagnostics(view.diagnostics));
    }
  });
  register('restartServer', () => server.restart());
  register('showOutput', () => {
    output.show();
  });
  register('openSettings', () => vscode.commands.executeCommand('workbench.action.openSettings', '@ext:bpfls.bpfls'));
}

/** What the server shows of an object: its disassembly, and its findings in that text. */
interface ObjectView {
  text: string;
  diagnostics: Diagnostic[];
}

async function chooseObject(): Promise<vscode.Uri | undefined> {
  const chosen = await vscode.window.showOpenDialog({ title: 'Open a BPF object', filters: { 'BPF objects': ['o', 'obj', 'elf'] } });
  return chosen?.[0];
}

function activeSource(): vscode.TextDocument | undefined {
  const document = vscode.window.activeTextEditor?.document;
  if (document === undefined) {
    void vscode.window.showInformationMessage('bpfls: open a C file first.');
  }
  return document;
}

/** Read-only documents for texts that the server gives. */
class Texts implements vscode.TextDocumentContentProvider, vscode.Disposable {
  static readonly scheme = 'bpfls';
  private readonly texts = new Map<string, string>();
  private readonly changed = new vscode.EventEmitter<vscode.Uri>();
  readonly onDidChange = this.changed.event;

  provideTextDocumentContent(uri: vscode.Uri): string {
    return this.texts.get(uri.toString()) ?? '';
  }

  /** Shows a text beside the editor; the URI is that of the read-only document. */
  async show(kind: string, source: vscode.Uri | undefined, text: string | undefined): Promise<vscode.Uri> {
    const name = source?.path.split('/').pop() ?? 'workspace';
    const uri = vscode.Uri.from({ scheme: Texts.scheme, path: `${name} (${kind})`, query: source?.toString() ?? '' });
    if (text === undefined) {
      return uri;
    }
    this.texts.set(uri.toString(), text);
    this.changed.fire(uri);
    await vscode.window.showTextDocument(uri, { viewColumn: vscode.ViewColumn.Beside, preserveFocus: true });
    return uri;
  }

  dispose(): void {
    this.changed.dispose();
    this.texts.clear();
  }
}
