package config

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"reflect"
	"slices"
	"strconv"
)

// MemberState is a member's place in the published set.
type MemberState string

// The phases of a member's life in the published set.
const (
	// Joining: has an address and is not in the ring; the owners stream it
	// what it will own.
	Joining MemberState = "joining"
	// Active: in the ring.
	Active MemberState = "active"
	// Draining: out of the ring, handing over, still serving its flows.
	Draining MemberState = "draining"
)

// Bounds of a member set.
const (
	MaxMembers = 4096
	// MaxEpoch leaves an epoch above whatever one was used: a change a second
	// takes longer than anybody lives to get there.
	MaxEpoch = 1 << 53
)

// MemberSet is the published member set: the content of members.json. The ring
// is a pure function of it.
type MemberSet struct {
	// Epoch grows with every change of the set and never falls.
	Epoch uint64 `json:"epoch"`
	// Advertise is the cluster's address, host or host:port, as Via and
	// Record-Route name it. Empty: the configuration's.
	Advertise string `json:"advertise,omitempty"`
	// Second is the cluster's address in the other family than Advertise's, at the
	// port of each listener, where phones of both come and Advertise is an address.
	// A name stands for both, and needs none.
	Second string `json:"second,omitempty"`
	// Listeners are the same of each listener, by name, where there are several:
	// Advertise is that of the first one then. Absent where there is one.
	Listeners []ListenerAddress `json:"listeners,omitempty"`
	// Ring holds the ring's parameters.
	Ring Ring `json:"ring"`
	// Members, sorted by ID once parsed.
	Members []Member `json:"members"`
	// Signatures of the operator over all of the above (Trust). Empty where nobody
	// signs.
	Signatures []Signature `json:"signatures,omitempty"`

	// read is the text that the set was parsed from.
	read []byte
}

// Member is one proxy.
type Member struct {
	// ID is unique in the cluster, above 0, and stable over restarts: in
	// Kubernetes the StatefulSet ordinal plus one.
	ID uint32 `json:"id"`
	// Name is the pod's name.
	Name string `json:"name"`
	// Address is the pod's IP address.
	Address string `json:"address"`
	// Node and Zone are where it runs; the ring spreads owners over zones.
	Node string `json:"node,omitempty"`
	Zone string `json:"zone,omitempty"`
	// State is the member's phase.
	State MemberState `json:"state"`
}

// ParseMemberSet reads members.json, applies defaults, sorts and validates. Fields
// that this version does not know are ignored, and kept for AsRead.
func ParseMemberSet(b []byte) (*MemberSet, error) {
	s := &MemberSet{read: bytes.Clone(b)}
	if err := json.Unmarshal(b, s); err != nil {
		return nil, fmt.Errorf("parse member set: %w", err)
	}
	s.Ring = s.Ring.WithDefaults()
	slices.SortFunc(s.Members, func(a, b Member) int { return cmp.Compare(a.ID, b.ID) })
	if err := s.Validate(); err != nil {
		return nil, err
	}
	return s, nil
}

// Validate says what makes the set unusable; several faults are joined.
func (s *MemberSet) Validate() error {
	var errs []error
	if s.Epoch > MaxEpoch {
		errs = append(errs, fmt.Errorf("member set: epoch %d is above %d", s.Epoch, uint64(MaxEpoch)))
	}
	if len(s.Listeners) > maxListenerAddresses {
		errs = append(errs, fmt.Errorf("member set: %d listeners, at most %d", len(s.Listeners), maxListenerAddresses))
	}
	if _, err := netip.ParseAddr(s.Second); s.Second != "" && err != nil {
		errs = append(errs, fmt.Errorf("member set: second: %w", err))
	}
	errs = append(errs, s.Ring.validate())
	if len(s.Members) > MaxMembers {
		return fmt.Errorf("member set: %d members, at most %d", len(s.Members), MaxMembers)
	}
	ids, names, addresses := map[uint32]bool{}, map[string]bool{}, map[netip.Addr]bool{}
	for i, m := range s.Members {
		if err := m.validate(); err != nil {
			errs = append(errs, fmt.Errorf("member set: members[%d]: %w", i, err))
			continue
		}
		a := netip.MustParseAddr(m.Address)
		if ids[m.ID] || names[m.Name] || addresses[a] {
			errs = append(errs, fmt.Errorf("member set: members[%d]: id %d, name %q or address %s is there twice", i, m.ID, m.Name, m.Address))
		}
		ids[m.ID], names[m.Name], addresses[a] = true, true, true
	}
	return errors.Join(errs...)
}

func (m *Member) validate() error {
	if m.ID == 0 {
		return errors.New("id must be above 0")
	}
	if m.Name == "" || len(m.Name) > 253 {
		return fmt.Errorf("name %q must have 1 to 253 characters", m.Name)
	}
	if _, err := netip.ParseAddr(m.Address); err != nil {
		return fmt.Errorf("address: %w", err)
	}
	switch m.State {
	case Joining, Active, Draining:
		return nil
	}
	return fmt.Errorf("state %q is not joining, active or draining", m.State)
}

// Member returns the member with the ID.
func (s *MemberSet) Member(id uint32) (Member, bool) {
	for _, m := range s.Members {
		if m.ID == id {
			return m, true
		}
	}
	return Member{}, false
}

// ByName returns the member with the name.
func (s *MemberSet) ByName(name string) (Member, bool) {
	for _, m := range s.Members {
		if m.Name == name {
			return m, true
		}
	}
	return Member{}, false
}

// Marshal is the JSON of members.json, indented, ending in a newline: equal
// sets give equal bytes.
func (s *MemberSet) Marshal() ([]byte, error) {
	b, err := json.MarshalIndent(s, "", "  ")
	return append(b, '\n'), err
}

// AsRead is the text that the set was parsed from, with all that signatures are of:
// a later version's fields too. A set that was made here, or changed since, is
// written anew.
func (s *MemberSet) AsRead() ([]byte, error) {
	if was, err := ParseMemberSet(s.read); err == nil && was.Equal(s) && reflect.DeepEqual(was.Signatures, s.Signatures) {
		return s.read, nil
	}
	return s.Marshal()
}

// SecondAt is Second where the cluster advertises an address of the other family,
// as host:port if that has a port; else empty. s may be nil.
func (s *MemberSet) SecondAt(advertise string) string {
	if s == nil || s.Second == "" {
		return ""
	}
	host, port, err := SplitAdvertise(advertise, 0)
	if err != nil {
		return ""
	}
	first, named := netip.ParseAddr(host)
	second, bad := netip.ParseAddr(s.Second)
	switch {
	case named != nil || bad != nil || first.Unmap().Is4() == second.Unmap().Is4():
		return ""
	case port == 0:
		return s.Second
	}
	return net.JoinHostPort(s.Second, strconv.Itoa(port))
}
