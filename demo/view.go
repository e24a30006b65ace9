package demo

import (
	"context"
	"time"

	"github.com/sipring/sipring/proxy/peer"
	"github.com/sipring/sipring/proxy/server"
)

// view is the status that the page shows: that of a proxy, where it is one of all of
// them, and what the demo adds.
type view struct {
	Cluster     string         `json:"cluster"`
	Name        string         `json:"name"`
	Text        string         `json:"text"`
	Incarnation string         `json:"incarnation"`
	Epoch       uint64         `json:"epoch"`
	Members     []memberView   `json:"members"`
	Traffic     server.Traffic `json:"traffic"`
	Facts       []fact         `json:"facts,omitempty"`
}

type memberView struct {
	peer.MemberStatus
	Running  bool               `json:"running"`
	Restarts int                `json:"restarts"`
	Bindings peer.BindingStatus `json:"bindings"`
}

// fact is a figure at the top of the page.
type fact struct {
	Name  string `json:"name"`
	Value string `json:"value"`
	Bad   bool   `json:"bad,omitempty"`
}

// view asks every proxy for its part; in the ring is what another proxy that
// lives says of it.
func (c *cluster) view(ctx context.Context) view {
	v := view{Cluster: "sipring demo", Name: domain, Text: "as all proxies together see it", Incarnation: "demo"}
	index := c.listed(&v)
	for _, p := range c.processes {
		if alive, _ := p.Running(); !alive {
			continue
		}
		s, err := p.Status(ctx)
		if err != nil {
			continue
		}
		c.traffic.took(p.Name, s.Traffic)
		self := &v.Members[index[p.Name]]
		self.Liveness, self.Bindings = "up", s.Bindings
		for _, m := range s.Members {
			if i, ok := index[m.Name]; ok && m.InRing && v.Members[i].Running {
				v.Members[i].InRing, v.Members[i].Share = true, m.Share
			}
		}
	}
	v.Traffic = c.traffic.sum()
	return v
}

// listed puts all processes into the view, as they are published, and says where.
func (c *cluster) listed(v *view) map[string]int {
	states := map[string]string{}
	if set := c.operator.Current(); set != nil {
		v.Epoch = set.Epoch
		for _, m := range set.Members {
			states[m.Name] = string(m.State)
		}
	}
	index := map[string]int{}
	for _, p := range c.processes {
		m := memberView{MemberStatus: peer.MemberStatus{ID: p.ID, Name: p.Name, Address: p.Address.String(), State: states[p.Name], Liveness: "down"}}
		m.Running, m.Restarts = p.Running()
		index[p.Name] = len(v.Members)
		v.Members = append(v.Members, m)
	}
	return index
}

// traffic adds up what proxies took on, those of processes that are dead included.
// The page's lock guards it.
type traffic struct {
	total server.Traffic
	last  map[string]server.Traffic // by process
}

// took adds what the process took on since it was last asked, which one that was
// started again counts from 0.
func (t *traffic) took(name string, now server.Traffic) {
	before := t.last[name]
	if now.Requests < before.Requests {
		before = server.Traffic{}
	}
	t.total.Requests += now.Requests - before.Requests
	t.total.Registrations += now.Registrations - before.Registrations
	t.total.Calls += now.Calls - before.Calls
	t.total.Answered += now.Answered - before.Answered
	if t.last == nil {
		t.last = map[string]server.Traffic{}
	}
	t.last[name] = now
}

// sum is all together, as of now.
func (t *traffic) sum() server.Traffic {
	t.total.UnixNano = time.Now().UnixNano()
	return t.total
}
