package verifier

func (r *Result) points(slot int) []Point         { return nil }
func (r *Result) state(p Point, after bool) State { return nil }
func (r *Result) checks(p Point) []CheckStatus    { return nil }
