import * as vscode from 'vscode';
import type { Diagnostic } from 'vscode-languageclient/node';
import type { Server } from './server';
import type { Texts } from './texts';

/** What the server shows of an object: its maps, programs and instructions, and its findings in that text. */
interface ObjectView {
  text: string;
  diagnostics: Diagnostic[];
}

/**
 * Objects that are open as text. The text and its findings are renewed when the object is
 * built again, and go when the text is closed.
 */
export class Objects implements vscode.CustomReadonlyEditorProvider, vscode.Disposable {
  /** Editors for objects: the first opens names that say what they are, the second where it is chosen. */
  private static readonly editors = ['bpfls.object', 'bpfls.anyObject'];

  private readonly findings = vscode.languages.createDiagnosticCollection('bpfls object');
  /** Watchers of the objects, by the URI of their text. */
  private readonly watchers = new Map<string, vscode.Disposable>();
  private readonly subscriptions: vscode.Disposable[];

  constructor(
    private readonly server: Server,
    private readonly texts: Texts,
  ) {
    this.subscriptions = [
      this.findings,
      vscode.workspace.onDidCloseTextDocument(({ uri }) => {
        this.close(uri);
      }),
      ...Objects.editors.map((type) => vscode.window.registerCustomEditorProvider(type, this)),
    ];
  }

  /** Shows an object as text. */
  async open(object: vscode.Uri, options: vscode.TextDocumentShowOptions): Promise<void> {
    const text = this.texts.uri('object', object);
    if (await this.renew(object, text)) {
      await vscode.window.showTextDocument(text, options);
      this.watch(object, text);
    }
  }

  openCustomDocument(uri: vscode.Uri): vscode.CustomDocument {
    return { uri, dispose: () => undefined };
  }

  /** An editor that was opened for the file gives its place to the text. */
  async resolveCustomEditor(document: vscode.CustomDocument, panel: vscode.WebviewPanel): Promise<void> {
    await this.server.ready();
    const viewColumn = panel.viewColumn ?? vscode.ViewColumn.Active;
    await this.open(document.uri, { viewColumn, preview: false });
    panel.dispose();
  }

  dispose(): void {
    vscode.Disposable.from(...this.subscriptions, ...this.watchers.values()).dispose();
    this.watchers.clear();
  }

  private async renew(object: vscode.Uri, text: vscode.Uri): Promise<boolean> {
    const view = await this.server.execute<ObjectView>('bpfls.object', object.toString());
    if (view === undefined) {
      return false;
    }
    this.texts.set(text, view.text);
    this.findings.set(text, await this.server.diagnostics(view.diagnostics));
    return true;
  }

  private watch(object: vscode.Uri, text: vscode.Uri): void {
    if (this.watchers.has(text.toString())) {
      return;
    }
    const watcher = vscode.workspace.createFileSystemWatcher(new vscode.RelativePattern(vscode.Uri.joinPath(object, '..'), '*'));
    const again = (changed: vscode.Uri): void => {
      if (changed.toString() === object.toString()) {
        // A half-written object is an error now and is looked at again when the rest is there.
        void this.renew(object, text).catch(() => undefined);
      }
    };
    watcher.onDidChange(again);
    watcher.onDidCreate(again);
    this.watchers.set(text.toString(), watcher);
  }

  private close(text: vscode.Uri): void {
    this.findings.delete(text);
    this.watchers.get(text.toString())?.dispose();
    this.watchers.delete(text.toString());
  }
}
