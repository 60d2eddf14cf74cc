package cfg

func (g *Graph) resolveHelper(id int32) (*Contract, []Check, bool) { return nil, nil, false }
func (g *Graph) instText(id NodeID) string                         { return "" }
func (c *Contract) callText() string                               { return "" }
func (g *Graph) blocks(simplify bool) []Block                      { return nil }
func count(g *Graph) Stats                                         { return Stats{} }
func (s *Stats) rows() []StatRow                                   { return nil }

// Build makes the graph of a program.
func Build(in Input, opt Options) (*Graph, *Rejection) {
	return nil, &Rejection{Kind: Limit, Text: "not built yet", Slot: -1}
}
