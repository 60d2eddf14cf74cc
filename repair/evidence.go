package repair

import (
	"context"

	"bpfls/explain"
)

func evidence(ctx context.Context, req Request) (explain.Finding, error) {
	w := newWorker(&req)
	f := &w.finding
	parts := req.Parts
	if parts == 0 {
		parts = MissingFact | Class | Fixes
	}
	if parts&MissingFact != 0 {
		if err := w.missing(ctx); err != nil {
			return *f, err
		}
	}
	if parts&Class != 0 {
		if err := w.classify(ctx); err != nil {
			return *f, err
		}
	}
	if parts&Fixes == 0 {
		return *f, nil
	}
	var err error
	f.Evidence.Fixes, f.Evidence.NoFix, err = w.fixes(ctx)
	return *f, err
}

// classify shows that the program is wrong, or that the verifier or the compiler lost
// something, where it can be shown.
func (w *worker) classify(ctx context.Context) error {
	e := &w.finding.Evidence
	witness, reason, err := w.witness(ctx)
	if err != nil {
		return err
	}
	if witness != nil {
		e.Class, e.Reason, e.Witness = explain.ClassBug, reason, witness
		return nil
	}
	if reason, err = w.split(ctx); err != nil {
		return err
	}
	if reason != "" {
		e.Class, e.Reason = explain.ClassPrecision, reason
		return nil
	}
	if reason, err = w.recompile(ctx); err != nil || reason == "" {
		return err
	}
	e.Class, e.Reason = explain.ClassCompiler, reason
	return nil
}
