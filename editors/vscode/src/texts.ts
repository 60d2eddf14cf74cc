import * as vscode from 'vscode';

/** Read-only documents for texts that the server gives. A text is kept while its document is open. */
export class Texts implements vscode.TextDocumentContentProvider, vscode.Disposable {
  static readonly scheme = 'bpfls';
  private readonly texts = new Map<string, string>();
  private readonly changed = new vscode.EventEmitter<vscode.Uri>();
  private readonly subscriptions: vscode.Disposable[];
  readonly onDidChange = this.changed.event;

  constructor() {
    this.subscriptions = [
      this.changed,
      vscode.workspace.registerTextDocumentContentProvider(Texts.scheme, this),
      vscode.workspace.onDidCloseTextDocument(({ uri }) => this.texts.delete(uri.toString())),
    ];
  }

  provideTextDocumentContent(uri: vscode.Uri): string {
    return this.texts.get(uri.toString()) ?? '';
  }

  /** The read-only document of a kind of text about a source; undefined: about the workspace. */
  uri(kind: string, source: vscode.Uri | undefined): vscode.Uri {
    const name = source?.path.split('/').pop() ?? 'workspace';
    return vscode.Uri.from({ scheme: Texts.scheme, path: `${name} (${kind})`, query: source?.toString() ?? '' });
  }

  /** Gives a document its text. */
  set(uri: vscode.Uri, text: string): void {
    this.texts.set(uri.toString(), text);
    this.changed.fire(uri);
  }

  /** Shows what the server said of a source beside the editor; nothing, where it said nothing. */
  async show(kind: string, source: vscode.Uri | undefined, text: string | undefined): Promise<void> {
    if (text === undefined) {
      return;
    }
    const uri = this.uri(kind, source);
    this.set(uri, text);
    await vscode.window.showTextDocument(uri, { viewColumn: vscode.ViewColumn.Beside, preserveFocus: true });
  }

  dispose(): void {
    vscode.Disposable.from(...this.subscriptions).dispose();
    this.texts.clear();
  }
}
