;;; bpfls.el --- bpfls in Emacs, with eglot -*- lexical-binding: t -*-

;; Needs Emacs 26.1 and eglot 1.9 or later (part of Emacs 29).  Put this file into
;; `load-path' and write in your init file:
;;
;;   (require 'bpfls)
;;   (add-hook 'c-mode-hook #'bpfls-ensure)
;;
;; Findings are flymake's diagnostics; `eglot-code-actions' has fixes, `eldoc' the
;; facts of a place.  eglot speaks to one server for each buffer: where bpfls serves
;; it, clangd does not, and bpfls shows clang's errors itself.

;;; Code:

(require 'eglot)

(defgroup bpfls nil "The eBPF verifier in the editor." :group 'tools)

(defcustom bpfls-program '("bpfls" "lsp")
  "The command that runs the language server."
  :type '(repeat string))

(defcustom bpfls-settings nil
  "Keys of bpfls.toml as a plist, for instance (:platform \"linux\")."
  :type 'plist)

(defun bpfls--contact (&optional _interactive)
  "How eglot reaches the server."
  (append bpfls-program (list :initializationOptions (list :settings (or bpfls-settings (make-hash-table))))))

(defun bpfls-source-p ()
  "Whether this buffer is an eBPF program, by its name or its section marks."
  (or (string-match-p "\\.bpf\\.c\\'\\|_kern\\.c\\'" (or buffer-file-name ""))
      (save-excursion
        (goto-char (point-min))
        (re-search-forward "\\_<SEC *(\"\\|include *[<\"].*bpf_helpers\\.h[>\"]" nil t))))

;;;###autoload
(defun bpfls-ensure ()
  "Start bpfls for this buffer if it is an eBPF program."
  (when (bpfls-source-p)
    (setq-local eglot-server-programs
                (cons (cons major-mode #'bpfls--contact) eglot-server-programs))
    (eglot-ensure)))

(provide 'bpfls)
;;; bpfls.el ends here
