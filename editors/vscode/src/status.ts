import * as vscode from 'vscode';
import { NotificationType } from 'vscode-languageclient/node';

/**
 * What the server says of one file. Only `verified` may look green: everything that
 * is unknown, cancelled or out of date is shown as such.
 */
export interface FileStatus {
  uri: string;
  state: 'verifying' | 'verified' | 'failed' | 'outdated' | 'unknown' | 'untrusted' | 'ignored';
  /** One line for the status bar. */
  message: string;
}

export const FileStatusNotification = new NotificationType<FileStatus>('bpfls/status');

const looks: Record<FileStatus['state'], { icon: string; background?: string }> = {
  verifying: { icon: '$(sync~spin)' },
  verified: { icon: '$(verified)' },
  failed: { icon: '$(error)', background: 'statusBarItem.errorBackground' },
  outdated: { icon: '$(history)' },
  unknown: { icon: '$(question)' },
  untrusted: { icon: '$(workspace-untrusted)' },
  ignored: { icon: '$(circle-slash)' },
};

/** The item in the status bar: the state of the file in the active editor. */
export class Status implements vscode.Disposable {
  private readonly item = vscode.window.createStatusBarItem('bpfls.status', vscode.StatusBarAlignment.Left, 0);
  private readonly files = new Map<string, FileStatus>();
  private readonly subscription: vscode.Disposable;
  private problem: string | undefined;
  private trusted = true;
  private running = false;

  constructor() {
    this.item.name = 'bpfls';
    this.item.command = 'bpfls.showOutput';
    this.subscription = vscode.window.onDidChangeActiveTextEditor(() => {
      this.show();
    });
  }

  starting(): void {
    this.files.clear();
    this.problem = undefined;
    this.running = false;
    this.trusted = vscode.workspace.isTrusted;
    this.show();
  }

  started(): void {
    this.running = true;
    this.show();
  }

  failed(problem: string): void {
    this.problem = problem;
    this.running = false;
    this.show();
  }

  update(status: FileStatus): void {
    this.files.set(vscode.Uri.parse(status.uri).toString(), status);
    this.show();
  }

  dispose(): void {
    this.subscription.dispose();
    this.item.dispose();
  }

  private show(): void {
    const document = vscode.window.activeTextEditor?.document;
    if (document?.languageId !== 'c') {
      this.item.hide();
      return;
    }
    const [text, tooltip, background] = this.text(document);
    this.item.text = text;
    this.item.tooltip = tooltip;
    this.item.backgroundColor = background === undefined ? undefined : new vscode.ThemeColor(background);
    this.item.show();
  }

  private text(document: vscode.TextDocument): [string, string, string | undefined] {
    if (this.problem !== undefined) {
      return ['$(warning) bpfls: not running', this.problem, 'statusBarItem.warningBackground'];
    }
    if (!this.trusted) {
      return [
        `${looks.untrusted.icon} bpfls: untrusted, nothing is compiled`,
        'This workspace is not trusted: bpfls compiles and verifies nothing in it and ignores settings that name programs.',
        undefined,
      ];
    }
    if (!this.running) {
      return ['$(sync~spin) bpfls', 'The server is starting.', undefined];
    }
    const status = this.files.get(document.uri.toString());
    if (status === undefined) {
      return ['$(circle-outline) bpfls', 'Nothing is known of this file yet.', undefined];
    }
    const look = looks[status.state];
    return [`${look.icon} bpfls: ${status.message}`, status.message, look.background];
  }
}
