package explain

func explain(in Input) *Program { return &Program{} }
