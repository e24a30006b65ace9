package command

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/sipring/sipring/proxy/config"
)

// childProxy has the test's program be a proxy, one that can be killed.
const childProxy = "SIPRING_TEST_PROXY"

func TestMain(m *testing.M) {
	if os.Getenv(childProxy) != "" {
		cmd := Proxy()
		cmd.SetArgs(os.Args[1:])
		if cmd.Execute() != nil {
			os.Exit(1)
		}
		return
	}
	goleak.VerifyTestMain(m,
		// klog, which client-go brings, has a goroutine of its own.
		goleak.IgnoreAnyFunction("k8s.io/klog/v2.(*flushDaemon).run.func1"))
}

// patience is for what must come, be the machine ever so busy; a moment for one answer.
const (
	patience = time.Minute
	moment   = 5 * time.Second
)

// folder is a directory with what proxies are started with.
type folder struct {
	t    *testing.T
	path string
	set  config.MemberSet
	pins int       // the application's pinSeconds; 0: as by default
	log  io.Writer // of members that run in the test; nil: as the configuration has it
}

func newFolder(t *testing.T, members int) *folder {
	t.Helper()
	f := &folder{t: t, path: t.TempDir(), set: config.MemberSet{Epoch: 1, Advertise: "sip.cluster.example"}}
	for i := range members {
		f.set.Members = append(f.set.Members, config.Member{
			ID: uint32(i + 1), Name: fmt.Sprintf("m%d", i+1), State: config.Active,
			Address: fmt.Sprintf("127.%d.%d.%d", 140+i, os.Getpid()>>8&255, os.Getpid()&255),
		})
	}
	f.write("config.yaml", []byte("cluster: test\ndomains: [example.com]\nlogLevel: error\ndrainSeconds: 5\negress: {contacts: Any}\nports: {sip: 15060, peer: 17947, health: 17948, admin: 19090}\n"))
	f.publish()
	keys, err := config.NewKeys().Marshal()
	if err != nil {
		t.Fatal(err)
	}
	f.write("keys.json", keys)
	return f
}

func (f *folder) write(name string, content []byte) {
	f.t.Helper()
	temporary := filepath.Join(f.path, "."+name)
	if err := os.WriteFile(temporary, content, 0o600); err != nil {
		f.t.Fatal(err)
	}
	if err := os.Rename(temporary, filepath.Join(f.path, name)); err != nil {
		f.t.Fatal(err)
	}
}

func (f *folder) publish() {
	b, err := f.set.Marshal()
	if err != nil {
		f.t.Fatal(err)
	}
	f.write("members.json", b)
}

func (f *folder) file(name string) string { return filepath.Join(f.path, name) }

// start runs `sipring proxy` for a member; stop ends it in order.
func (f *folder) start(name string, flags ...string) (stop func()) {
	f.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	cmd := Proxy()
	cmd.SetArgs(append([]string{"--config", f.file("config.yaml"), "--members", f.file("members.json"), "--name", name}, flags...))
	go func() { ended <- cmd.ExecuteContext(ctx) }()
	done := false
	stop = func() {
		if done {
			return
		}
		done = true
		cancel()
		select {
		case err := <-ended:
			if err != nil {
				f.t.Errorf("%s: %v", name, err)
			}
		case <-time.After(patience):
			f.t.Errorf("%s does not end", name)
		}
	}
	f.t.Cleanup(stop)
	return stop
}

func (f *folder) get(member int, path string) (int, string) {
	c := &http.Client{Timeout: 2 * moment, Transport: &http.Transport{DisableKeepAlives: true}}
	r, err := c.Get("http://" + net.JoinHostPort(f.set.Members[member-1].Address, "19090") + path)
	if err != nil {
		return 0, err.Error()
	}
	defer func() { _ = r.Body.Close() }()
	b, _ := io.ReadAll(r.Body)
	return r.StatusCode, string(b)
}

// probe asks as the kubelet does, but for its patience.
func (f *folder) probe(member int, path string) int {
	c := &http.Client{Timeout: patience, Transport: &http.Transport{DisableKeepAlives: true}}
	r, err := c.Get("http://" + net.JoinHostPort(f.set.Members[member-1].Address, "17948") + path)
	if err != nil {
		f.t.Error(err)
		return 0
	}
	_ = r.Body.Close()
	return r.StatusCode
}

// await waits until a member answers a path as wanted.
func (f *folder) await(member int, path string, want func(status int, body string) bool) {
	f.t.Helper()
	for deadline := time.Now().Add(patience); ; time.Sleep(10 * time.Millisecond) {
		status, body := f.get(member, path)
		if want(status, body) {
			return
		}
		if time.Now().After(deadline) {
			f.t.Fatalf("member %d, %s: %d %s", member, path, status, body)
		}
	}
}

func ready(status int, _ string) bool { return status == http.StatusOK }

// register sends a REGISTER through a member; without a contact it is a fetch.
// It returns the answer.
func (f *folder) register(member int, user, contact string) string {
	f.t.Helper()
	conn, err := net.Dial("udp", net.JoinHostPort(f.set.Members[member-1].Address, "15060"))
	if err != nil {
		f.t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	id := fmt.Sprintf("%s%d", user, time.Now().UnixNano())
	text := fmt.Sprintf("REGISTER sip:example.com SIP/2.0\r\nVia: SIP/2.0/UDP %s;rport;branch=z9hG4bK%s\r\nFrom: <sip:%s@example.com>;tag=1\r\n"+
		"To: <sip:%s@example.com>\r\nCall-ID: %s\r\nCSeq: 1 REGISTER\r\n", conn.LocalAddr(), id, user, user, id)
	if contact != "" {
		text += "Contact: <" + contact + ">\r\n"
	}
	buf := make([]byte, 4096)
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); { // as phones retransmit
		if _, err := conn.Write([]byte(text + "\r\n")); err != nil {
			continue // refused while it starts
		}
		_ = conn.SetReadDeadline(time.Now().Add(moment)) // the proxy counts what is repeated, too
		if n, err := conn.Read(buf); err == nil && !bytes.HasPrefix(buf, []byte("SIP/2.0 503")) {
			return string(buf[:n])
		}
	}
	f.t.Fatalf("REGISTER of %s through member %d is not answered", user, member)
	return ""
}

func TestProxyAlone(t *testing.T) {
	f := newFolder(t, 1)
	stop := f.start("m1", "--address", f.set.Members[0].Address)
	f.await(1, "/readyz", ready)
	if got := f.register(1, "bob", "sip:bob@192.0.2.1"); !strings.HasPrefix(got, "SIP/2.0 200") || !strings.Contains(got, "Contact: <sip:bob@192.0.2.1>;expires=3600") {
		t.Errorf("answer: %s", got)
	}
	status, body := f.get(1, "/v1/status")
	var s struct {
		Cluster, Name, SIP string
		Epoch              int
		Ready              bool
		Bindings           struct{ Home int }
	}
	if err := json.Unmarshal([]byte(body), &s); err != nil || status != 200 {
		t.Fatalf("%d %s: %v", status, body, err)
	}
	if !s.Ready || s.Cluster != "test" || s.Name != "m1" || s.Epoch != 1 || s.Bindings.Home != 1 || !strings.HasSuffix(s.SIP, ":15060") {
		t.Errorf("status: %s", body)
	}
	wants := []string{
		"sipring_proxy_ready 1", "sipring_proxy_ring_epoch 1", `sipring_proxy_bindings{role="home"} 1`,
		`sipring_proxy_requests_total{method="REGISTER"} 1`, `sipring_proxy_responses_total{class="2xx",method="REGISTER",origin="local"} 1`,
		"sipring_proxy_register_duration_seconds_count 1", "sipring_proxy_transactions 0", "go_goroutines",
	}
	var metrics string
	lacks := func(want string) bool { return !strings.Contains(metrics, "\n"+want) }
	for end := time.Now().Add(patience); ; time.Sleep(time.Millisecond) { // an answer is sent before it is counted
		if _, metrics = f.get(1, "/metrics"); !slices.ContainsFunc(wants, lacks) || time.Now().After(end) {
			break
		}
	}
	for _, want := range wants {
		if lacks(want) {
			t.Errorf("metrics lack %s", want)
		}
	}
	if _, events := f.get(1, "/v1/events"); !strings.Contains(events, `"synced"`) || !strings.Contains(events, `"unixNano"`) {
		t.Errorf("events: %s", events)
	}
	for _, path := range []string{"/metrics", "/v1/status", "/v1/events"} { // which ask nobody who they are
		if _, body := f.get(1, path); strings.Contains(body, "bob") || strings.Contains(body, "192.0.2.1") || strings.Contains(body, "example.com") {
			t.Errorf("%s names a subscriber: %s", path, body)
		}
	}
	for _, path := range []string{"/healthz", "/readyz"} {
		if status := f.probe(1, path); status != http.StatusOK {
			t.Errorf("probe of %s: %d", path, status)
		}
	}
	stop()
}

func TestProxiesShareBindingsAndHandOver(t *testing.T) {
	f := newFolder(t, 3)
	var stops []func()
	for _, m := range f.set.Members {
		stops = append(stops, f.start(m.Name, "--address", m.Address, "--keys", f.file("keys.json")))
	}
	for i := range f.set.Members {
		f.await(i+1, "/readyz", ready)
	}
	const users = 40
	for i := range users {
		user := fmt.Sprintf("u%d", i)
		f.register(i%3+1, user, "sip:"+user+"@192.0.2.1")
	}
	check := func(members ...int) {
		t.Helper()
		for i := range users {
			user := fmt.Sprintf("u%d", i)
			if got := f.register(members[i%len(members)], user, ""); !strings.Contains(got, "<sip:"+user+"@192.0.2.1>") {
				t.Fatalf("%s is lost: %s", user, got)
			}
		}
	}
	check(2, 3, 1)
	stops[0]() // hands over
	check(2, 3)
	stops[1]()
	check(3)
}

func TestProxyWaitsUntilItIsListed(t *testing.T) {
	f := newFolder(t, 1)
	self := f.set.Members[0]
	f.set.Members = nil
	f.publish()
	f.start("m1", "--address", self.Address)
	f.set.Members = []config.Member{self}
	f.await(1, "/healthz", ready)
	if status, body := f.get(1, "/readyz"); status != http.StatusServiceUnavailable || !strings.Contains(body, "not in the member set yet") {
		t.Errorf("%d %s", status, body)
	}
	f.set.Epoch++
	f.publish()
	f.await(1, "/readyz", ready)
}

func TestProxyRefusesWhatCannotWork(t *testing.T) {
	f := newFolder(t, 2)
	f.write("bad.yaml", []byte("cluster: test\ndomain: example.com\n"))
	for name, c := range map[string]struct {
		args []string
		want string
	}{
		"no configuration":     {nil, `required flag(s) "config" not set`},
		"no member set":        {[]string{"--config", f.file("config.yaml")}, "no member set: give --members FILE or --configmap NAMESPACE/NAME"},
		"missing file":         {[]string{"--config", f.file("none"), "--members", f.file("members.json")}, "no such file"},
		"misspelt field":       {[]string{"--config", f.file("bad.yaml"), "--members", f.file("members.json")}, "at least one domain must be served; not known: domain"},
		"missing keys":         {[]string{"--config", f.file("config.yaml"), "--members", f.file("members.json"), "--keys", f.file("none")}, "sipring keys > keys.json"},
		"keys are needed":      {[]string{"--config", f.file("config.yaml"), "--members", f.file("members.json"), "--name", "m1"}, "several members need the same keys"},
		"malformed configmap":  {[]string{"--config", f.file("config.yaml"), "--configmap", "members"}, "not NAMESPACE/NAME"},
		"outside a cluster":    {[]string{"--config", f.file("config.yaml"), "--configmap", "a/b"}, "--configmap"},
		"address in use":       {[]string{"--config", f.file("config.yaml"), "--members", f.file("members.json"), "--name", "m1", "--keys", f.file("keys.json"), "--sip-address", "192.0.2.1"}, "listen on udp 192.0.2.1:15060"},
		"address that is none": {[]string{"--config", f.file("config.yaml"), "--members", f.file("members.json"), "--name", "m1", "--keys", f.file("keys.json"), "--sip-address", "here"}, "SIP address"},
	} {
		cmd := Proxy()
		cmd.SetArgs(append([]string{}, c.args...))
		cmd.SetErr(io.Discard)
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		err := cmd.ExecuteContext(ctx)
		cancel()
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
}

func TestKeysPrintsWhatParses(t *testing.T) {
	cmd := Keys()
	var out bytes.Buffer
	cmd.SetOut(&out)
	cmd.SetArgs([]string{}) // not those of the test
	if err := cmd.Execute(); err != nil {
		t.Fatal(err)
	}
	k, err := config.ParseKeys(out.Bytes())
	if err != nil || len(k.Keys) != 1 {
		t.Errorf("%v: %s", err, out.Bytes())
	}
}

// TestKeysPrintsARotation from one file to the next.
func TestKeysPrintsARotation(t *testing.T) {
	f := newFolder(t, 1)
	for _, step := range []struct {
		flag string
		ids  []uint8
	}{{"--add", []uint8{1, 2}}, {"--promote", []uint8{2, 1}}, {"--retire", []uint8{2}}} {
		cmd := Keys()
		var out bytes.Buffer
		cmd.SetOut(&out)
		cmd.SetArgs([]string{step.flag, f.file("keys.json")})
		if err := cmd.Execute(); err != nil {
			t.Fatal(err)
		}
		k, err := config.ParseKeys(out.Bytes())
		if err != nil || !slices.Equal(keyIDs(k), step.ids) {
			t.Fatalf("%s: %v, %s, want %v", step.flag, err, out.Bytes(), step.ids)
		}
		f.write("keys.json", out.Bytes())
	}
}

func TestVersion(t *testing.T) {
	cmd := VersionCommand()
	var out bytes.Buffer
	cmd.SetOut(&out)
	cmd.SetArgs([]string{}) // not those of the test
	if err := cmd.Execute(); err != nil || !strings.HasPrefix(out.String(), "sipring ") {
		t.Errorf("%v: %s", err, out.Bytes())
	}
}
