package transaction

const (
	spareContexts = 64
	spareBranches = 256
)

// stock is a shard's contexts and branches that are to be used again.
type stock struct {
	held     int                // contexts that are out
	contexts []*ResponseContext // at most spareContexts more than are held
	branches []*Branch          // at most spareBranches
}

// takeContext returns an empty context.
func (s *stock) takeContext() *ResponseContext {
	s.held++
	last := len(s.contexts) - 1
	if last < 0 {
		return new(ResponseContext)
	}
	c := s.contexts[last]
	s.contexts = s.contexts[:last]
	return c
}

// dropContext takes back a context that holds no buffers, and its branches.
func (s *stock) dropContext(c *ResponseContext) {
	for i, b := range c.branches.rest {
		c.branches.rest[i] = nil
		if *b = (Branch{}); len(s.branches) < spareBranches {
			s.branches = append(s.branches, b)
		}
	}
	s.held--
	*c = ResponseContext{branches: branches{rest: c.branches.rest[:0]}}
	s.contexts = trim(append(s.contexts, c), s.held+spareContexts)
}

func (s *stock) takeBranch() *Branch {
	last := len(s.branches) - 1
	if last < 0 {
		return new(Branch)
	}
	b := s.branches[last]
	s.branches = s.branches[:last]
	return b
}
