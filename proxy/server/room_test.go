package server

import (
	"bytes"
	"fmt"
	"log/slog"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sipring/sipring/proxy/config"
	"github.com/sipring/sipring/proxy/peer"
)

// logged is what was logged.
type logged struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logged) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(b)
}

func (l *logged) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// startWithRoom starts a server on a real member, alone, whose bindings may take
// so many bytes.
func startWithRoom(t *testing.T, budget int, c config.Config) (*proxy, *logged) {
	t.Helper()
	host := fmt.Sprintf("127.%d.%d.%d", 128+serial.Add(1)%64, testPID>>8&255, testPID&255)
	c.Cluster, c.UDPLoops, c.Advertise, c.Limits.NewPerSecond = "room", 1, host, 1_000_000
	c.ApplyDefaults()
	log := &logged{}
	s, err := New(Config{Proxy: &c, Self: 1, Address: netip.MustParseAddrPort(host + ":0"), Keys: testKeys(t), Log: slog.New(slog.NewTextHandler(log, nil))})
	if err != nil {
		t.Fatal(err)
	}
	node, err := peer.Start(peer.Config{Cluster: "room", ID: 1, Name: "one", Address: host, Ports: c.Ports, Keys: config.NewKeys(), Handler: s, Budget: budget})
	if err != nil {
		t.Fatal(err)
	}
	node.SetMembers(&config.MemberSet{
		Epoch: 1, Ring: config.Ring{Partitions: 64, Replicas: 2},
		Members: []config.Member{{ID: 1, Name: "one", Address: host, State: config.Active}},
	})
	s.Serve(node)
	t.Cleanup(func() {
		node.Close()
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return &proxy{Server: s, addr: s.Address()}, log
}

// bind registers a user of a domain and returns the status.
func (p *phone) bind(x *proxy, user, domain string, cseq int) int {
	p.t.Helper()
	text := p.registerText("call-of-"+user, cseq, "Contact: <"+p.contact()+">")
	text = bytes.ReplaceAll(text, []byte("To: <sip:"+p.user+"@example.com"), []byte("To: <sip:"+user+"@"+domain))
	p.sendRaw(x.addr, bytes.Replace(text, []byte("REGISTER sip:example.com"), []byte("REGISTER sip:"+domain), 1))
	r := p.receive(patience)
	if r == nil {
		p.t.Fatalf("%s gets no answer", user)
	}
	return r.StatusCode()
}

// TestFloodLeavesRoomToOthers: one source, or one tenant from many, registers as
// many users as the whole budget has room for, and three times that. Then new users
// of another source, or tenant, are taken, and refreshes and removals of all.
func TestFloodLeavesRoomToOthers(t *testing.T) {
	t.Parallel()
	const (
		budget = 512 << 10
		users  = 3 * budget / 350
	)
	for name, tt := range map[string]struct {
		domains []string // of the flood, and of the others
		sources int
		why     string
	}{
		"one source":                {[]string{"example.com", "example.com"}, 1, "its source has its share"},
		"one tenant, fifty sources": {[]string{"a.example", "b.example"}, 50, "its domain has its share"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := config.Config{Domains: tt.domains}
			if tt.domains[0] == tt.domains[1] {
				c.Domains = tt.domains[:1]
			}
			x, log := startWithRoom(t, budget, c)
			var flood []*phone
			for i := range tt.sources {
				flood = append(flood, newPhoneAt(t, "mallory", fmt.Sprintf("127.77.%d.%d:0", 1+testPID&127, 1+i)))
			}
			taken, began := []int{}, time.Now()
			for i := range users {
				switch got := flood[i%len(flood)].bind(x, fmt.Sprint("m", i), tt.domains[0], 1); got {
				case 200:
					taken = append(taken, i)
				case 503:
				default:
					t.Fatalf("the flood is answered %d", got)
				}
			}
			if len(taken) == users || len(taken) == 0 {
				t.Fatalf("%d of %d of the flood are taken", len(taken), users)
			}
			for i := range 64 {
				alice := newPhoneAt(t, "alice", fmt.Sprintf("127.78.%d.%d:0", 1+testPID&127, 1+i%8))
				if got := alice.bind(x, fmt.Sprint("a", i), tt.domains[1], 1); got != 200 {
					t.Fatalf("another's registration %d is answered %d", i, got)
				}
			}
			for _, i := range taken {
				if got := flood[i%len(flood)].bind(x, fmt.Sprint("m", i), tt.domains[0], 2); got != 200 {
					t.Fatalf("a refresh is answered %d", got)
				}
			}
			if most := maxRoomLines * (int(time.Since(began)/time.Second) + 2); !strings.Contains(log.String(), tt.why) || strings.Count(log.String(), "\n") > most {
				t.Errorf("at most %d lines expected:\n%s", most, log)
			}
		})
	}
}

// TestTrustedSourceHasNoShare: a session border controller stands for all there
// is, up to the budget.
func TestTrustedSourceHasNoShare(t *testing.T) {
	t.Parallel()
	const budget = 256 << 10
	x, log := startWithRoom(t, budget, config.Config{Domains: []string{"example.com"}, Limits: config.Limits{Trusted: []string{"127.79.0.0/16"}}})
	sbc := newPhoneAt(t, "sbc", fmt.Sprintf("127.79.%d.1:0", 1+testPID&127))
	taken := 0
	for i := range 2 * budget / 350 {
		if sbc.bind(x, fmt.Sprint("s", i), "example.com", 1) == 200 {
			taken++
		}
	}
	if held := taken * 250; held < budget*3/4 {
		t.Errorf("%d users are taken, less than three quarters of %d bytes", taken, budget)
	}
	if strings.Contains(log.String(), "share") || !strings.Contains(log.String(), "above its budget") {
		t.Errorf("log:\n%s", log)
	}
}
