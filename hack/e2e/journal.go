//go:build linux

package main

import (
	"bytes"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// journal has what clients that others wrote asked, of whom, and what came of it, as
// the wire has it: nothing depends on what they say. Its methods may be called concurrently.
type journal struct {
	mu      sync.Mutex
	clients map[netip.AddrPort]*client
	// proved are the members that have let a user in, by user.
	proved map[string]map[netip.Addr]bool
	// gone died at goneAt.
	gone   netip.Addr
	goneAt time.Time
}

// client is one of them.
type client struct {
	name  string
	asked map[attempt]*exchange
	to    map[netip.Addr]int // requests, those that are repeated too, by member
	// register is the last one that was let in.
	register string
}

// attempt is a request. The next one has the credentials, where the client was challenged.
type attempt struct {
	callID, method string
	cseq           uint32
}

// exchange is a request and its answer.
type exchange struct {
	at     time.Time
	first  netip.Addr // the member that it went to at first
	text   string
	user   string     // whose credentials it has; empty without any
	status int        // the last one, the final one if there was any; 0 without
	by     netip.Addr // who said so
	acked  bool
}

func (e *exchange) final() bool { return e.status >= 200 }

func newJournal() *journal {
	return &journal{clients: map[netip.AddrPort]*client{}, proved: map[string]map[netip.Addr]bool{}}
}

// follow notes what the client at that address does.
func (j *journal) follow(name string, at netip.AddrPort) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.clients[at] = &client{name: name, asked: map[attempt]*exchange{}, to: map[netip.Addr]int{}}
}

// note takes a datagram: a request that a client sends, or a response that it gets.
func (j *journal) note(d datagram) {
	response := bytes.HasPrefix(d.text, []byte("SIP/2.0 "))
	j.mu.Lock()
	defer j.mu.Unlock()
	at := d.from
	if response {
		at = d.to
	}
	c, ok := j.clients[at]
	if !ok {
		return
	}
	text := string(d.text)
	key, ok := askedIn(text)
	switch {
	case !ok:
	case response:
		j.answered(c, key, text, d.from.Addr())
	case key.method == "ACK":
		c.to[d.to.Addr()]++
		if e := c.asked[attempt{key.callID, "INVITE", key.cseq}]; e != nil {
			e.acked = true
		}
	default:
		c.to[d.to.Addr()]++
		if c.asked[key] == nil {
			c.asked[key] = &exchange{at: time.Now(), first: d.to.Addr(), text: text, user: provingIn(text)}
		}
	}
}

// answered takes the first final response alone.
func (j *journal) answered(c *client, key attempt, text string, by netip.Addr) {
	e := c.asked[key]
	if e == nil || e.final() {
		return
	}
	_, rest, _ := strings.Cut(text, " ")
	e.status, _ = strconv.Atoi(rest[:min(3, len(rest))])
	e.by = by
	if e.status != 200 || e.user == "" {
		return
	}
	if j.proved[e.user] == nil {
		j.proved[e.user] = map[netip.Addr]bool{}
	}
	j.proved[e.user][by] = true
	if key.method == "REGISTER" {
		c.register = e.text
	}
}

// askedIn is which request a message is, or answers.
func askedIn(text string) (key attempt, ok bool) {
	id, cseq := header(text, "Call-ID:"), header(text, "CSeq:")
	n, method, found := strings.Cut(cseq, " ")
	number, err := strconv.ParseUint(n, 10, 32)
	key = attempt{id, strings.TrimSpace(method), uint32(number)}
	return key, found && err == nil && id != ""
}

// provingIn is whose credentials a request has.
func provingIn(text string) (user string) {
	for _, name := range []string{"Authorization:", "Proxy-Authorization:"} {
		if value := header(text, name); value != "" {
			return quoted(value, "username")
		}
	}
	return ""
}

// quoted is a parameter of credentials, as all clients here write it.
func quoted(value, name string) string {
	for _, before := range []string{" ", ","} {
		if _, rest, ok := strings.Cut(value, before+name+`="`); ok {
			text, _, _ := strings.Cut(rest, `"`)
			return text
		}
	}
	return ""
}

// anew forgets which members have let users in.
func (j *journal) anew() {
	j.mu.Lock()
	defer j.mu.Unlock()
	clear(j.proved)
}

// lost: a member has died.
func (j *journal) lost(member netip.Addr, at time.Time) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.gone, j.goneAt = member, at
}

// everywhere is nil if each of the members has let each of the users in.
func (j *journal) everywhere(users []string, members []netip.Addr) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	for _, user := range users {
		for _, m := range members {
			if !j.proved[user][m] {
				return fmt.Errorf("%s has not been let in at %s", user, m)
			}
		}
	}
	return nil
}

// register is a client's last REGISTER that was let in; empty without one.
func (j *journal) register(at netip.AddrPort) string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.clients[at].register
}

// acked is how many of its calls a client knows to be answered.
func (j *journal) acked(at netip.AddrPort) (n int) {
	j.mu.Lock()
	defer j.mu.Unlock()
	for key, e := range j.clients[at].asked {
		if key.method == "INVITE" && e.status == 200 && e.acked {
			n++
		}
	}
	return n
}

// tally is what came of all that a client wanted.
type tally struct {
	name                     string
	registered, called, hung int
	challenged               int // as often as with one member alone
	again                    int // and though it had sent credentials
	crossed                  int // challenges of one member that another one saw the answer to
	elsewhere                int // requests that went to a member that was dead, and were answered by another when sent again
	lost, died               int // without a final answer; and those that died with the member that had given a provisional one
	to                       map[netip.Addr]int
	refused                  []string
}

// tallies are of all clients, by name.
func (j *journal) tallies() (all []tally) {
	j.mu.Lock()
	defer j.mu.Unlock()
	for _, c := range j.clients {
		all = append(all, j.tally(c))
	}
	slices.SortFunc(all, func(a, b tally) int { return strings.Compare(a.name, b.name) })
	return all
}

func (j *journal) tally(c *client) tally {
	t := tally{name: c.name, to: c.to}
	for key, e := range c.asked {
		if e.final() && e.first == j.gone && e.by != j.gone && e.at.After(j.goneAt) {
			t.elsewhere++
		}
		switch {
		case !e.final() && e.by == j.gone && e.at.Before(j.goneAt):
			t.died++
		case !e.final():
			t.lost++
		case e.status == 401 || e.status == 407:
			if e.user == "" {
				t.challenged++
			} else {
				t.again++
			}
			if next := c.asked[attempt{key.callID, key.method, key.cseq + 1}]; next != nil && next.first != e.by {
				t.crossed++
			}
		case key.method == "BYE" && e.status == 481 && !c.made(key.callID):
			// Who called had given up, and the answer to that call has not come there.
		case e.status != 200:
			t.refused = append(t.refused, fmt.Sprintf("%s: %s was answered %d", c.name, key.method, e.status))
		case key.method == "REGISTER":
			t.registered++
		case key.method == "INVITE":
			t.called++
		case key.method == "BYE":
			t.hung++
		}
	}
	return t
}

// made reports whether a client began the call.
func (c *client) made(callID string) bool {
	for key := range c.asked {
		if key.callID == callID && key.method == "INVITE" {
			return true
		}
	}
	return false
}

func (t *tally) String() string {
	var members []string
	for _, n := range slices.Sorted(maps.Values(t.to)) {
		members = append(members, strconv.Itoa(n))
	}
	return fmt.Sprintf("%s registered %d times, made %d calls and hung up %d, %d lost, %d died with the proxy that was at it; challenged %d times, and %d times though it had sent credentials; %d challenges were answered at another proxy; %d requests went to the proxy that was dead and were answered by another when sent again; %s requests by proxy",
		t.name, t.registered, t.called, t.hung, t.lost, t.died, t.challenged, t.again, t.crossed, t.elsewhere, strings.Join(members, ", "))
}

// problems are what must not have happened. Who sends no credentials is challenged by one member
// as well; with several there may be one more.
func (t *tally) problems(members int) (all []string) {
	all = append(all, t.refused...)
	for what, wrong := range map[string]bool{
		"did not register and call":              t.registered == 0 || t.called == 0,
		"did not hang up each call":              t.hung < t.called,
		"had requests that nobody answered":      t.lost > 0,
		"was challenged too often":               t.again > 1,
		"did not use each proxy":                 len(t.to) < members,
		"was never let in by another than asked": t.crossed == 0,
	} {
		if wrong {
			all = append(all, what+": "+t.String())
		}
	}
	return all
}
