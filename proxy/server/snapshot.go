package server

import (
	"net/netip"

	"github.com/sipring/sipring/proxy/cluster"
	"github.com/sipring/sipring/proxy/config"
	"github.com/sipring/sipring/proxy/egress"
	"github.com/sipring/sipring/proxy/forward"
	"github.com/sipring/sipring/proxy/routing"
)

// snapshot is what follows from the configuration and one member set.
// Immutable; loops read it through an atomic pointer.
type snapshot struct {
	set    *config.MemberSet
	config *config.Config
	// superseded: the member set knows of this process no more.
	superseded bool
	tables     *routing.Tables
	egress     *egress.Policy
	names      *forward.Names
	trusted    []netip.Prefix // sources without limits
}

func (s *Server) newSnapshot(set *config.MemberSet) (*snapshot, error) {
	c := s.config.Load()
	here := c.ReachedAt(s.layer.Addresses()[1:])
	tables, err := routing.NewTables(here, set, s.layer.Address(), s.keys, s.checks)
	if err != nil {
		return nil, err
	}
	policy, err := egress.New(here, set, s.layer.Address())
	if err != nil {
		return nil, err
	}
	trusted, err := c.Limits.TrustedPrefixes()
	if err != nil {
		return nil, err
	}
	return &snapshot{
		set:     set,
		config:  c,
		trusted: trusted,
		tables:  tables,
		egress:  policy,
		names:   forward.NewNames(s.keys, tables),
	}, nil
}

// Life is that of this process, as other members know it: enough to tell it from the one
// before it. It is 0 before Serve.
func (s *Server) Life() uint32 { return s.life }

// shortIncarnation is enough to tell a member's life from the one before it.
func shortIncarnation(incarnation uint64) uint32 { return cluster.Life(incarnation) }
