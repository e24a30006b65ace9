package config

import "slices"

// Equal says that both are the same set of the same epoch, whoever signed it. Two of
// one epoch that differ contradict each other.
func (s *MemberSet) Equal(o *MemberSet) bool { return s.Epoch == o.Epoch && s.SameContent(o) }

// SameContent says that both differ in nothing but the epoch.
func (s *MemberSet) SameContent(o *MemberSet) bool {
	return s.Advertise == o.Advertise && s.Second == o.Second && slices.Equal(s.Listeners, o.Listeners) && s.Ring == o.Ring && slices.Equal(s.Members, o.Members)
}
