package server

import (
	"strings"
	"time"
)

// Traffic is what a proxy took on since it started, for those who want rates without
// a metrics server: the difference of two of them.
type Traffic struct {
	// UnixNano is when this was counted, in nanoseconds since 1970.
	UnixNano int64 `json:"unixNano"`
	// Requests received, retransmissions included.
	Requests uint64 `json:"requests"`
	// Registrations acknowledged.
	Registrations uint64 `json:"registrations"`
	// Calls are INVITEs outside of a dialog that have a final response, challenges aside:
	// who is asked who it is sends the call again.
	Calls uint64 `json:"calls"`
	// Answered are those of the calls whose response is a 2xx.
	Answered uint64 `json:"answered"`
}

// Traffic counts.
func (m *Metrics) Traffic() Traffic {
	t := Traffic{UnixNano: time.Now().UnixNano(), Requests: m.allRequests(), Registrations: m.registers[registerOK].Load()}
	for i, name := range codeNames {
		if name == "401" || name == "407" {
			continue
		}
		n := m.results[i].Load()
		t.Calls += n
		if strings.HasPrefix(name, "2") {
			t.Answered += n
		}
	}
	return t
}
