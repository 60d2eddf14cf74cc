package repair

import "context"

func (w *worker) missing(ctx context.Context) error { return nil }
