package server

import (
	"strconv"

	"github.com/sipring/sipring/proxy/config"
	"github.com/sipring/sipring/proxy/egress"
	"github.com/sipring/sipring/proxy/routing"
	"github.com/sipring/sipring/proxy/wire"
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
	// Via: viaHead + branch + Server.viaTail, or viaAlone where nobody holds a
	// transaction, + hop. Record-Route: routeHead + token + routeTail.
	viaHead, routeHead, routeTail []byte
}

// viaAlone names nobody as the owner. A Via of ours without an owner is one that
// something was taken from.
var viaAlone = []byte(";rport;o=0-0")

func (s *Server) newSnapshot(set *config.MemberSet) (*snapshot, error) {
	c := s.config.Load()
	tables, err := routing.NewTables(c, set, s.layer.Address(), s.keys, routing.Checks{})
	if err != nil {
		return nil, err
	}
	policy, err := egress.New(c, set, s.layer.Address())
	if err != nil {
		return nil, err
	}
	sentBy := tables.SentBy()
	return &snapshot{
		set:       set,
		config:    c,
		tables:    tables,
		egress:    policy,
		viaHead:   []byte("SIP/2.0/UDP " + sentBy + ";branch="),
		routeHead: []byte("<sip:"),
		routeTail: []byte("@" + sentBy + ";lr>"),
	}, nil
}

// ownerParam is the value of the Via parameter o: which member, in which of its
// lives, holds the transaction. It is no part of the branch, so a retransmission
// through another pod makes the same branch.
func ownerParam(id uint32, life uint32) string {
	return strconv.FormatUint(uint64(id), 10) + "-" + strconv.FormatUint(uint64(life), 16)
}

// shortIncarnation is enough to tell a member's life from the one before it.
func shortIncarnation(incarnation uint64) uint32 {
	return uint32(incarnation>>32) ^ uint32(incarnation)
}

// owner reads the parameter o of one of our Vias.
func owner(v *wire.Via) (id, life uint32, ok bool) {
	p, _ := v.Param("o")
	return parseOwner(p)
}

func parseOwner(p []byte) (id, life uint32, ok bool) {
	if len(p) > 19 {
		return 0, 0, false
	}
	for i, c := range p {
		if c != '-' {
			continue
		}
		n, err := strconv.ParseUint(string(p[:i]), 10, 32)
		if err != nil {
			return 0, 0, false
		}
		s, err := strconv.ParseUint(string(p[i+1:]), 16, 32)
		return uint32(n), uint32(s), err == nil
	}
	return 0, 0, false
}
