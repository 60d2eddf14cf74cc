;; Emacs' own client on the server that BPFLS names: a failing file is opened, its finding
;; seen with what relates to it, a hover asked for, a fix applied and saved. Leaves with
;; exit code 1 where something is missing.

(load (getenv "BPFLS_EL"))
(setq bpfls-program (list (getenv "BPFLS") "lsp")
      bpfls-settings '(:platform "linux")
      eglot-connect-timeout 60 eglot-sync-connect 60 eglot-confirm-server-initiated-edits nil)

(defun fail (what) (message "not reached: %s" what) (kill-emacs 1))

(defun wait-for (what holds)
  (with-timeout (90 (fail what))
    (let (found)
      (while (not (setq found (funcall holds)))
        (accept-process-output nil 0.05))
      found)))

(defun findings () (flymake-diagnostics))

(find-file "unchecked.bpf.c")
(unless (bpfls-source-p) (fail "the file is seen as an eBPF program"))
(setq-local eglot-server-programs (list (cons major-mode #'bpfls--contact)))
(apply #'eglot (eglot--guess-contact))

;; The finding, with its related places in the message: eglot does not announce that it
;; could show them otherwise.
(wait-for "a finding" (lambda () (= 1 (length (findings)))))
(let* ((finding (car (findings)))
       (text (flymake-diagnostic-text finding)))
  (unless (string= "value" (buffer-substring (flymake-diagnostic-beg finding) (flymake-diagnostic-end finding)))
    (fail (format "the finding is on value, not on %s" (buffer-substring (flymake-diagnostic-beg finding) (flymake-diagnostic-end finding)))))
  (unless (string-match-p "BPF-maybe-null" text) (message "no code in: %s" text))
  (unless (string-match-p "unchecked\\.bpf\\.c:[0-9]+:[0-9]+: " text)
    (fail (format "related places in the message: %s" text)))
  (goto-char (flymake-diagnostic-beg finding)))

;; Hover.
(let ((server (eglot-current-server)))
  (let ((hover (jsonrpc-request server :textDocument/hover (eglot--TextDocumentPositionParams))))
    (unless (string-match-p "proven here" (format "%s" (plist-get hover :contents)))
      (fail (format "a hover: %s" hover))))

  ;; The fix, as eglot applies it.
  (let* ((place (list :start (eglot--pos-to-lsp-position) :end (eglot--pos-to-lsp-position)))
         (actions (jsonrpc-request server :textDocument/codeAction
                                   (list :textDocument (eglot--TextDocumentIdentifier) :range place
                                         :context (list :diagnostics [] :triggerKind 1))
                                   :timeout 60))
         (fix (seq-find (lambda (a) (eq t (plist-get a :isPreferred))) actions)))
    (unless fix (fail (format "a fix among %s" actions)))
    (eglot--apply-workspace-edit (plist-get fix :edit))))
(save-buffer)
(wait-for "no finding" (lambda () (null (findings))))
(message "ok")
(eglot-shutdown (eglot-current-server))
(kill-emacs 0)
