import * as vscode from 'vscode';
import { Objects } from './objects';
import type { Server } from './server';
import { Texts } from './texts';

/** Registers the commands of the palette. */
export function registerCommands(
  context: vscode.ExtensionContext,
  server: Server,
  output: vscode.LogOutputChannel,
): void {
  const texts = new Texts();
  const objects = new Objects(server, texts);
  context.subscriptions.push(texts, objects);
  const register = (name: string, action: (chosen?: vscode.Uri) => unknown): void => {
    context.subscriptions.push(vscode.commands.registerCommand(`bpfls.${name}`, action));
  };

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
  register('openObject', async (chosen?: vscode.Uri) => {
    const object = chosen ?? (await chooseObject());
    if (object !== undefined) {
      await objects.open(object, { viewColumn: vscode.ViewColumn.Beside, preserveFocus: true });
    }
  });
  register('restartServer', () => server.restart());
  register('showOutput', () => {
    output.show();
  });
  register('openSettings', () => vscode.commands.executeCommand('workbench.action.openSettings', '@ext:bpfls.bpfls'));
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
