package command

import (
	"bufio"
	"fmt"
	"maps"
	"net"
	"os"
	"os/exec"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sipring/sipring/proxy/cluster"
	"github.com/sipring/sipring/proxy/config"
)

// elsewhere are the metrics that this cluster does not move, and the tests that do.
var elsewhere = map[string]string{
	"application_calls_total":              "proxy/server: TestApplicationTakesACall, TestNoneServes, TestDialogOfALostApplicationEndsAtOnce",
	"connection_accept_errors_total":       "takes all file descriptors: TestNoDescriptorLeft of package transport",
	"connection_aliases_total":             "nothing goes by TCP here: TestRFC5923_8_2_Alias of package server",
	"connection_dials_total":               "nothing goes by TCP here: TestOpenConnections of package transport",
	"connection_handshakes_total":          "UDP is all that is listened on: TestStreamMetrics of package transport",
	"connections":                          "UDP is all that is listened on: TestStreamMetrics of package transport",
	"connections_closed_total":             "UDP is all that is listened on: TestStreamMetrics of package transport",
	"credential_cache_bytes":               "needs a source that is asked: TestMetrics of package credentials",
	"credential_cache_entries":             "needs a source that is asked: TestMetrics of package credentials",
	"credential_cache_evictions_total":     "takes many users: TestRandomUsersPushNobodyOut of package credentials",
	"credential_notifications_total":       "needs a database: TestNotifications of package credentials",
	"credential_question_duration_seconds": "needs a source that is asked: TestMetrics of package credentials",
	"credential_questions_refused_total":   "takes many: TestWaitingIsBounded of package credentials",
	"credential_questions_total":           "needs a source that is asked: TestMetrics of package credentials",
	"credential_questions_waiting":         "needs a source that is asked: TestOneQuestionForAUser of package credentials",
	"flow_messages_handed_total":           "UDP is all that is listened on: TestCallsAcrossMembersAndTransports of package server",
	"flow_messages_lost_total":             "UDP is all that is listened on: TestFramesForConnectionsThatAreOver of package server",
	"dead_flows":                           "UDP is all that is listened on: TestEndsOfConnectionsAreShown of package server",
	"registered_connections_ended_total":   "UDP is all that is listened on: TestEndsOfConnectionsAreShown of package server",
	"registered_connections":               "UDP is all that is listened on: TestCallsAcrossMembersAndTransports of package server",
	"awaited_udp_flows":                    "nobody is behind NAT here: TestNATMetrics of package server",
	"flow_claims_total":                    "nobody is behind NAT here: TestNATMetrics of package server",
	"owned_udp_flows":                      "nobody is behind NAT here: TestNATMetrics of package server",
	"waited_total":                         "UDP is all that is listened on: TestCallWaitsForAPhoneThatHasGone of package server",
	"waiting_requests":                     "UDP is all that is listened on: TestCallWaitsForAPhoneThatHasGone of package server",
	"lease_writes_total":                   "needs the Kubernetes API: TestLeaseIsRetried of package memberset",
	"locates_pending":                      "is over before it is seen: TestContactOfAMemberThatHangs of package peer",
	"locates_refused_total":                "takes 200 a second: TestLocateIsBounded of package cluster",
	"member_set_watch_failures_total":      "needs the Kubernetes API: TestConfigMapSurvivesTheAPI of package memberset",
	"member_set_watched":                   "needs the Kubernetes API: TestConfigMapOutageIsToldOnce of package memberset",
	"member_sets_refused_total":            "nobody signs here: TestProxyBelievesSignedSetsAlone",
	"memory_limit_bytes":                   "memory here is not limited: TestCgroupMemory",
	"name_lookups_total":                   "phones here have addresses: TestLookupsAreCounted of package transport",
	"peer_clock_skew_seconds":              "the members have one clock: TestClocksAreCompared of package peer",
	"peer_frames_dropped_total":            "members send no nonsense: TestMetrics of package peer",
	"stream_bytes_total":                   "UDP is all that is listened on: TestStreamMetrics of package transport",
	"stream_messages_total":                "UDP is all that is listened on: TestStreamMetrics of package transport",
	"stuck_total":                          "nothing hangs: TestHungCoreIsADeadMember of package peer",
	"unconfirmed_losses":                   "is confirmed before it is seen: TestALossCountsOnce of package peer",
	"udp_errors_total":                     "loopback takes everything: TestFullSendBufferLosesTheDatagramAndHoldsNobodyUp of package transport",
	"udp_kernel_drops_total":               "takes a proxy that does not read: TestKernelDropsAreCounted of package transport",
}

// countedBySim reports whether it is a count of the cores, which TestEveryCountMoves
// of package sim moves.
func countedBySim(name string) bool {
	for _, f := range reflect.VisibleFields(reflect.TypeFor[cluster.Stats]()) {
		if tag, _, _ := strings.Cut(f.Tag.Get("metric"), "{"); tag == name {
			return true
		}
	}
	return false
}

// walk follows all metrics of some members.
type walk struct {
	*folder
	members []int
	begun   map[int]map[string]float64 // the first values, by member and series
	moved   map[string]bool            // by name
}

// series are the values of all of our series, by name and labels, those of buckets
// left out.
func (w *walk) series(member int) map[string]float64 {
	_, text := w.get(member, "/metrics")
	out := map[string]float64{}
	for _, m := range regexp.MustCompile(`(?m)^sipring_proxy_([a-z_]+(?:\{.*\})?) (\S+)$`).FindAllStringSubmatch(text, -1) {
		if !strings.Contains(m[1], "_bucket{") {
			out[m[1]], _ = strconv.ParseFloat(m[2], 64)
		}
	}
	return out
}

// name is the metric's of a series.
func name(series string) string {
	name, _, _ := strings.Cut(series, "{")
	return regexp.MustCompile(`_seconds_(count|sum)$`).ReplaceAllString(name, "_seconds")
}

// look notes what has moved: what counts, by having changed; what measures, by being
// more than nothing.
func (w *walk) look() {
	for _, member := range w.members {
		for series, value := range w.series(member) {
			first := w.begun[member][series]
			if !strings.HasSuffix(name(series), "_total") {
				first = 0
			}
			w.moved[name(series)] = w.moved[name(series)] || value != first
		}
	}
}

// until does something, again and again, until all that is named has moved.
func (w *walk) until(what string, do func(), names ...string) {
	w.t.Helper()
	for end := time.Now().Add(patience); ; time.Sleep(5 * time.Millisecond) {
		if do != nil {
			do()
		}
		w.look()
		left := slices.DeleteFunc(slices.Clone(names), func(n string) bool { return w.moved[n] })
		if len(left) == 0 {
			return
		}
		if time.Now().After(end) {
			w.t.Fatalf("%s moves nothing of %s", what, strings.Join(left, ", "))
		}
	}
}

// child runs a member as a process that can be killed.
func (w *walk) child(name, address string) *os.Process {
	w.t.Helper()
	cmd := exec.Command(os.Args[0], "--config", w.file("config.yaml"), "--members", w.file("members.json"), "--keys", w.file("keys.json"), "--name", name, "--address", address)
	cmd.Env = append(os.Environ(), childProxy+"=1")
	if err := cmd.Start(); err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	return cmd.Process
}

// phone is a socket that sends text and answers it.
type phone struct {
	t    *testing.T
	conn *net.UDPConn
	n    int
}

func newPhone(t *testing.T) *phone {
	t.Helper()
	conn, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return &phone{t: t, conn: conn}
}

func (p *phone) send(to, text string) {
	p.t.Helper()
	a, err := net.ResolveUDPAddr("udp", net.JoinHostPort(to, "15060"))
	if err != nil {
		p.t.Fatal(err)
	}
	if _, err := p.conn.WriteToUDP([]byte(text), a); err != nil {
		p.t.Fatal(err)
	}
}

// request sends one, with further lines of header, each ended. to is the member.
func (p *phone) request(to, method, uri, lines string) {
	p.n++
	tag := fmt.Sprintf("%s%d", p.conn.LocalAddr(), p.n)
	via := strings.NewReplacer(":", "x", ".", "x").Replace(tag)
	text := fmt.Sprintf("%s %s SIP/2.0\r\nVia: SIP/2.0/UDP %s;rport;branch=z9hG4bK%s\r\nMax-Forwards: 70\r\nFrom: <sip:a@x.example>;tag=1\r\nCSeq: 1 %s\r\nContact: <sip:a@%s>\r\n%s",
		method, uri, p.conn.LocalAddr(), via, method, p.conn.LocalAddr(), lines)
	if !strings.Contains(lines, "To:") {
		text += "To: <" + uri + ">\r\n"
	}
	if !strings.Contains(lines, "Call-ID:") {
		text += "Call-ID: " + via + "\r\n"
	}
	p.send(to, text+"Content-Length: 0\r\n\r\n")
}

// receive waits for a message whose first line has the text.
func (p *phone) receive(first string) string {
	p.t.Helper()
	b := make([]byte, 65535)
	var others []string
	for end := time.Now().Add(patience); time.Now().Before(end); {
		_ = p.conn.SetReadDeadline(end)
		n, err := p.conn.Read(b)
		line, _, _ := strings.Cut(string(b[:n]), "\r\n")
		if err == nil && strings.Contains(line, first) {
			return string(b[:n])
		}
		others = append(others, line)
	}
	p.t.Fatalf("no %s comes, but %q", first, others)
	return ""
}

// lines are those of the headers of a message.
func lines(message string, headers ...string) string {
	out := ""
	for s := bufio.NewScanner(strings.NewReader(message)); s.Scan(); {
		if name, _, ok := strings.Cut(s.Text(), ":"); ok && slices.Contains(headers, name) {
			out += s.Text() + "\r\n"
		}
	}
	return out
}

// answer answers a request through a member.
func (p *phone) answer(to, request, status string) {
	copied := lines(request, "Via", "From", "Call-ID", "CSeq", "Record-Route")
	text := "SIP/2.0 " + status + "\r\n" + copied + strings.TrimRight(lines(request, "To"), "\r\n") + ";tag=2\r\n"
	p.send(to, text+fmt.Sprintf("Contact: <sip:b@%s>\r\nContent-Length: 0\r\n\r\n", p.conn.LocalAddr()))
}

// TestEveryMetricMoves: each is moved by what it is to tell of, as far as a few
// proxies on one machine can do that, and no series appears only with that.
func TestEveryMetricMoves(t *testing.T) {
	f := newFolder(t, 5) // more than half of them are left when two are lost
	f.write("config.yaml", fmt.Appendf(nil, "cluster: test\ndomains: [example.com, example.org]\nlogLevel: error\ndrainSeconds: 1\nmisspelt: 1\negress: {contacts: Any}\nports: {sip: 15060, peer: 17947, health: 17948, admin: 19090}\n"+
		"authentication: {outside: Allow, credentials: {files: [%s]}, domains: [{domain: example.com, open: true}]}\n", f.file("users")))
	f.write("users", []byte(passwd("alice", "example.org")))
	f.set.Ring = config.Ring{Partitions: 64, Replicas: 2}
	f.publish()
	w := &walk{folder: f, members: []int{1, 2}, begun: map[int]map[string]float64{}, moved: map[string]bool{}}
	var children []*os.Process
	for i, m := range f.set.Members {
		if i < 2 {
			f.start(m.Name, "--address", m.Address, "--keys", f.file("keys.json"))
		} else {
			children = append(children, w.child(m.Name, m.Address))
		}
	}
	for i := range f.set.Members {
		f.await(i+1, "/readyz", ready)
	}
	for _, member := range w.members {
		w.begun[member] = w.series(member)
	}
	w.until("a start", nil, "ready", "build_info", "keys", "config_unknown_fields", "ring_epoch", "ring_members", "peers", "partitions")

	w.registrations()
	w.calls()
	w.strangers()
	w.users()
	w.memberSets()
	for _, signal := range []os.Signal{syscall.SIGSTOP, os.Kill} { // both at once: neither helps to repair what the other held
		for _, c := range children[:2] {
			if err := c.Signal(signal); err != nil {
				t.Fatal(err)
			}
		}
	}
	w.until("the loss of two members", nil, "peer_losses_total", "failovers_total", "last_failover_timestamp_seconds", "peer_loss_to_ring_seconds",
		"redundancy_restored_seconds", "rehomed_bindings_total", "lost_partitions_total", "lost_bindings_total")
	w.compare()
}

// compare says what nobody moved, and what was not there from the start.
func (w *walk) compare() {
	names := map[string]bool{}
	for _, member := range w.members {
		if d := cmp.Diff(slices.Sorted(maps.Keys(w.begun[member])), slices.Sorted(maps.Keys(w.series(member)))); d != "" {
			w.t.Errorf("series at the start (-) and now (+):\n%s", d)
		}
	}
	for series := range w.begun[1] {
		names[name(series)] = true
	}
	for n := range names {
		if !w.moved[n] && elsewhere[n] == "" && !countedBySim(n) {
			w.t.Errorf("nothing moves %s", n)
		}
	}
	for n := range elsewhere {
		if !names[n] {
			w.t.Errorf("there is no %s", n)
		}
	}
}

func (w *walk) address(member int) string { return w.set.Members[member-1].Address }

func (w *walk) registrations() {
	n := 0
	w.until("registrations", func() {
		for range 96 { // some have both copies at the two that are lost later, others one
			n++
			w.register(n%2+1, fmt.Sprintf("u%d", n), fmt.Sprintf("sip:u%d@192.0.2.1", n))
		}
	}, "requests_total", "responses_total", "response_codes_total", "registrations_total", "register_duration_seconds", "datagrams_total", "datagram_bytes_total",
		"bindings", "addresses_of_record", "bindings_bytes", "operations_total")
}

func (w *walk) calls() {
	alice, bob := newPhone(w.t), newPhone(w.t)
	w.register(1, "bob", fmt.Sprintf("sip:b@%s", bob.conn.LocalAddr()))
	alice.request(w.address(1), "INVITE", "sip:bob@example.com", "")
	invite := bob.receive("INVITE")
	w.until("an INVITE", nil, "transactions", "transactions_open", "transaction_events_total", "calls_in_setup")
	bob.answer(w.address(1), invite, "180 Ringing")
	alice.receive("180")
	bob.answer(w.address(2), invite, "200 OK")
	ok := alice.receive("200")
	w.until("a call", nil, "call_setup_delay_seconds", "call_results_total", "messages_handed_total", "messages_taken_total")
	dialog := strings.ReplaceAll(lines(ok, "To", "Call-ID", "Record-Route"), "Record-Route:", "Route:")
	contact := fmt.Sprintf("sip:b@%s", bob.conn.LocalAddr())
	alice.request(w.address(1), "ACK", contact, dialog)
	bob.receive("ACK")
	alice.request(w.address(1), "BYE", contact, strings.Replace(dialog, "<sip:", "<sip:A", 1))
	alice.receive("403")
	w.until("an ACK, and a forged BYE", nil, "stateless_total", "forged_tokens_total")
}

// strangers send what is no call.
func (w *walk) strangers() {
	mallory := newPhone(w.t)
	w.until("what is not SIP", func() { mallory.send(w.address(1), "hello, is this a proxy?") }, "dropped_total")
	w.until("STUN", func() { mallory.send(w.address(1), "\x00\x01\x00\x00\x21\x12\xa4\x42abcdefghijkl") }, "stun_answers_total")
	w.register(1, "away", "sip:x@224.0.0.1")
	mallory.request(w.address(1), "INVITE", "sip:away@example.com", "")
	mallory.receive("480")
	for i := range 8 {
		w.register(1, fmt.Sprintf("c%d", i), fmt.Sprintf("sip:c%d@example.com", i+1))
	}
	mallory.request(w.address(1), "INVITE", "sip:c0@example.com", "")
	mallory.request(w.address(1), "INVITE", "sip:nobody@192.0.2.77", "")
	w.until("targets that are none", nil, "egress_refused_total", "targets_left_out_total", "locate_questions_total")
	w.until("a stranger at the port of peers", func() {
		if conn, err := net.Dial("tcp", net.JoinHostPort(w.address(1), "17947")); err == nil {
			_, _ = conn.Write([]byte("GET / HTTP/1.0\r\n\r\n"))
			_ = conn.Close()
		}
	}, "peer_handshakes_refused_total")
}

// users are of a domain that asks for credentials.
func (w *walk) users() {
	alice := newPhone(w.t)
	w.until("a user", func() {
		alice.registerAs(w.address(1), "alice", "example.org", alice.registerAs(w.address(1), "alice", "example.org", ""))
	}, "authentications_total", "credential_lookups_total")
	w.until("guesses", func() {
		challenge := alice.registerAs(w.address(1), "alice", "example.org", "")
		alice.guess(w.address(1), "alice", "example.org", challenge)
	}, "authentication_bans", "authentication_bans_total")
	w.write("users", []byte(passwd("alice", "example.org")+"no credentials\n"))
	w.until("a line that is none", nil, "credential_file_users", "credential_lines_refused_total")
	if err := os.Remove(w.file("users")); err != nil {
		w.t.Fatal(err)
	}
	w.until("a file that vanishes", nil, "credential_file_failures_total", "credential_source_down")
}

func (w *walk) memberSets() {
	w.set.Epoch++
	w.publish()
	w.until("a newer member set", nil, "member_sets_applied_total")
	w.write("members.json", []byte(`{"epoch": 6, "members": [{`))
	w.until("a member set that is none", nil, "member_sets_ignored_total")
	w.set.Epoch++
	w.publish()
}
