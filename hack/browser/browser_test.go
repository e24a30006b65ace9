package browser

import (
	"context"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/sipring/sipring/demo"
	"github.com/sipring/sipring/page/chromium"
	"github.com/sipring/sipring/proxy/flow"
)

//go:embed testdata
var testdata embed.FS

// tab is the browser's only one, with the phone in it.
type tab struct {
	t   *testing.T
	ctx context.Context
}

// open starts the browser and loads the page.
func open(t *testing.T) *tab {
	t.Helper()
	page, err := fs.Sub(testdata, "testdata")
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.Handle("/", http.FileServerFS(page))
	mux.Handle("/sip.js/", http.StripPrefix("/sip.js/", http.FileServerFS(library(t))))
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)

	ctx := chromium.Tab(
		t,
		chromedp.Flag("ignore-certificate-errors", true), // other tests see whose certificate it is
		chromedp.Flag("use-fake-device-for-media-stream", true), chromedp.Flag("use-fake-ui-for-media-stream", true),
	)
	p := &tab{t, ctx}
	do(p, "open", chromedp.Navigate(server.URL+"/phone.html"))
	p.await("the phone is there", "!!window.phone")
	return p
}

// do runs an action in the tab.
func do[T any](p *tab, what string, a chromedp.Action[T]) T {
	p.t.Helper()
	v, err := chromedp.Run(p.ctx, a)
	if err != nil {
		p.t.Fatalf("%s: %v", what, err)
	}
	return v
}

// step has the phone do something, and returns what comes of it.
func (p *tab) step(expression string, args ...any) string {
	p.t.Helper()
	return do(p, expression, chromedp.Evaluate[string]("Promise.resolve("+call(expression, args)+").then(v => String(v))", chromedp.EvalAwaitPromise))
}

// begin is step, and ended waits for what comes of it.
func (p *tab) begin(expression string, args ...any) {
	p.t.Helper()
	do(p, expression, chromedp.Evaluate[chromedp.Void]("window.begun = "+call(expression, args)+"; 0"))
}

func (p *tab) ended() string {
	p.t.Helper()
	return p.step("window.begun")
}

// call writes the call of a function of the phone.
func call(expression string, args []any) string {
	if len(args) == 0 {
		return expression
	}
	list, err := json.Marshal(args)
	if err != nil {
		panic(err)
	}
	return expression + "(..." + string(list) + ")"
}

// await waits until something holds in the page.
func (p *tab) await(what, condition string) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	const poll = "new Promise(done => { const look = () => (%s) ? done(true) : setTimeout(look, 20); look(); })"
	if _, err := chromedp.Run(ctx, chromedp.Evaluate[chromedp.Void](fmt.Sprintf(poll, condition), chromedp.EvalAwaitPromise)); err != nil {
		p.t.Fatalf("%s: %v; it heard %s", what, err, p.step("JSON.stringify(window.phone?.heard)"))
	}
}

// hears waits for what begins so, and takes it away.
func (p *tab) hears(first string) string {
	p.t.Helper()
	text, _ := json.Marshal(first)
	p.await("hears "+first, fmt.Sprintf("phone.heard.some(h => h.startsWith(%s))", text))
	return strings.TrimPrefix(p.step(fmt.Sprintf("phone.heard.splice(phone.heard.findIndex(h => h.startsWith(%s)), 1)[0]", text)), first+" ")
}

// Users.
var (
	guest = "guest" // in the browser
	alice = "alice"
	carol = "carol"
)

// cluster is three proxies, the browser and two phones on UDP, all registered.
type cluster struct {
	*demo.Proxies
	tab          *tab
	alice, carol *desk
}

func start(t *testing.T) *cluster {
	t.Helper()
	x, e := &cluster{tab: open(t)}, given(t)
	if e == nil || e.WebSocket == "" {
		e = x.begin(t)
	}
	contact := x.tab.step("phone.start", e.WebSocket, guest, domain, e.Passwords[guest])
	if !regexp.MustCompile(`\.invalid;transport=ws>`).MatchString(contact) {
		t.Errorf("registered as %s", contact)
	}
	for i, d := range []**desk{&x.alice, &x.carol} {
		user := []string{alice, carol}[i]
		*d = newDesk(t, user, e.Passwords[user], e.Desks[i], e.SIP)
		(*d).register()
	}
	return x
}

// begin starts the proxies.
func (x *cluster) begin(t *testing.T) *elsewhere {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	// What SIP.js knows of RFC 7616 is MD5.
	x.Proxies, err = demo.StartProxies(t.Context(), self, 3, demo.Guests{Users: []string{guest, alice, carol}, Algorithms: []string{"MD5"}, Connected: true}, t.Output())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(x.Close)
	return &elsewhere{
		WebSocket: "wss://" + x.Entry(flow.WSS).String(), SIP: x.Address(),
		Desks: [2]netip.Addr{x.Host(210), x.Host(211)}, Passwords: x.Passwords(),
	}
}

// reach calls the browser, which answers the offer early and then the call.
func (x *cluster) reach() *dialog {
	x.tab.t.Helper()
	offer := x.tab.step("phone.offer()")
	c := x.alice.call(guest, offer)
	if got := x.tab.hears("INVITE"); got != offer {
		x.tab.t.Errorf("offered\n%q\nand there came\n%q", offer, got)
	}
	answer := x.tab.step("phone.early()")
	if got := body(x.alice.receive("SIP/2.0 183")); got != answer {
		x.tab.t.Errorf("answered early\n%q\nand there came\n%q", answer, got)
	}
	x.tab.step("phone.answered", answer)
	x.tab.begin("phone.answer()")
	ok := x.alice.receive("SIP/2.0 200")
	c.answered(ok)
	if answer := x.tab.ended(); body(ok) != answer {
		x.tab.t.Errorf("answered\n%q\nand there came\n%q", answer, body(ok))
	}
	return c
}

// browserHolds has the browser put alice on hold, or go on, with media in that direction.
func (x *cluster) browserHolds(on bool, direction string) {
	x.tab.t.Helper()
	x.tab.begin("phone.hold", on)
	invite := x.alice.receive("INVITE ")
	if !strings.Contains(body(invite), direction) {
		x.tab.t.Errorf("the browser holds, %v, by\n%s", on, invite)
	}
	x.alice.reply(invite, "200 OK", x.tab.step("phone.answerTo", body(invite)))
	x.alice.receive("ACK ")
	x.tab.ended()
}

// aliceHolds has alice put the browser on hold, and returns by what.
func (x *cluster) aliceHolds(c *dialog) (offer string) {
	x.tab.t.Helper()
	offer = strings.Replace(x.tab.step("phone.offer()"), "a=sendrecv", "a=sendonly", 1)
	c.offers(offer)
	c.ask("INVITE")
	if got := x.tab.hears("INVITE"); got != offer {
		x.tab.t.Errorf("alice puts the browser on hold by\n%q\nand there came\n%q", offer, got)
	}
	ok := x.alice.receive("SIP/2.0 200")
	if !strings.Contains(body(ok), "a=recvonly") {
		x.tab.t.Errorf("the browser, on hold, answers\n%s", ok)
	}
	c.answered(ok)
	return offer
}

func (x *cluster) browserHangsUp() {
	x.tab.t.Helper()
	x.tab.begin("phone.hangUp()")
	x.alice.reply(x.alice.receive("BYE "), "200 OK")
	if status := x.tab.ended(); status != "200" {
		x.tab.t.Errorf("hung up: %s", status)
	}
}

// A phone on UDP calls a phone in a browser. What they say of media passes as it is, also
// before the call is answered. Each puts the other on hold, the browser transfers the
// phone, and either hangs up.
func TestBrowserIsCalled(t *testing.T) {
	x := start(t)
	c := x.reach()

	x.browserHolds(true, "a=sendonly")
	x.browserHolds(false, "a=sendrecv")
	offer := x.aliceHolds(c)

	x.tab.begin("phone.transfer", "sip:"+carol+"@"+domain)
	refer := x.alice.receive("REFER ")
	if !strings.Contains(value(refer, "Refer-To"), "sip:"+carol+"@"+domain) {
		t.Errorf("the browser transfers alice by\n%s", refer)
	}
	x.alice.reply(refer, "202 Accepted")
	if status := x.tab.ended(); status != "202" {
		t.Errorf("to the transfer the browser heard %s", status)
	}
	next := x.alice.call(carol, offer)
	invite := x.carol.receive("INVITE ")
	x.carol.reply(invite, "200 OK", offer)
	next.answered(x.alice.receive("SIP/2.0 200"))
	x.carol.receive("ACK ")
	c.headers, c.payload = "Event: refer\r\nSubscription-State: terminated;reason=noresource\r\nContent-Type: message/sipfrag\r\n", "SIP/2.0 200 OK\r\n"
	c.ask("NOTIFY")
	if got := x.tab.hears("NOTIFY"); got != "SIP/2.0 200 OK" {
		t.Errorf("of the transfer the browser hears %q", got)
	}
	x.alice.receive("SIP/2.0 200")

	x.browserHangsUp()
	c = x.reach()
	c.ask("BYE")
	x.tab.hears("BYE")
	x.alice.receive("SIP/2.0 200")
	x.tab.step("phone.over()")
}

// A phone in a browser calls one on UDP.
func TestBrowserCalls(t *testing.T) {
	x := start(t)
	x.tab.begin("phone.call", "sip:"+alice+"@"+domain)
	invite := x.alice.receive("INVITE ")
	x.alice.reply(invite, "180 Ringing")
	answer := x.tab.step("phone.answerTo", body(invite))
	x.alice.reply(invite, "200 OK", answer)
	x.alice.receive("ACK ")
	if offer := x.tab.ended(); body(invite) != offer {
		t.Errorf("the browser offers\n%q\nand there came\n%q", offer, body(invite))
	}
	x.browserHangsUp()
}

// The proxy dies that the browser is connected to, in a call. The browser connects again, and
// hears that the call is over; and it is called as before.
func TestBrowserWhoseProxyIsKilled(t *testing.T) {
	x := start(t)
	c := x.reach()
	if _, err := x.Kill(x.holder(t)); err != nil {
		t.Fatal(err)
	}
	x.tab.hears("disconnected")
	c.ask("BYE")
	x.tab.hears("registered")
	x.tab.hears("BYE")
	x.alice.receive("SIP/2.0 200")
	c = x.reach()
	c.ask("BYE")
	x.tab.hears("BYE")
	x.alice.receive("SIP/2.0 200")
}

// The proxy dies that the browser is connected to, in a call that goes on: each puts the other on
// hold over the connection that is new, and the browser hangs up.
func TestBrowserGoesOnWhenItsProxyIsKilled(t *testing.T) {
	x := start(t)
	c := x.reach()
	if _, err := x.Kill(x.holder(t)); err != nil {
		t.Fatal(err)
	}
	x.tab.hears("disconnected")
	x.aliceHolds(c)
	x.tab.hears("registered")
	x.browserHolds(true, "a=inactive") // as it is on hold itself
	x.browserHangsUp()
}

// The proxy dies that the browser is connected to while it rings. The call that it then answers is
// answered.
func TestBrowserAnswersWhenItsProxyIsKilled(t *testing.T) {
	x := start(t)
	offer := x.tab.step("phone.offer()")
	c := x.alice.call(guest, offer)
	x.tab.hears("INVITE")
	answer := x.tab.step("phone.early()")
	x.alice.receive("SIP/2.0 183")
	x.tab.step("phone.answered", answer)
	if _, err := x.Kill(x.holder(t)); err != nil {
		t.Fatal(err)
	}
	x.tab.hears("disconnected")
	x.tab.hears("registered")
	x.tab.begin("phone.answer()")
	ok := x.alice.receive("SIP/2.0 200")
	c.answered(ok)
	x.tab.ended()
	x.browserHangsUp()
}

// holder is the proxy that has the browser's connection, by its own word.
func (x *cluster) holder(t *testing.T) string {
	t.Helper()
	for _, name := range x.Names() {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, x.Admin(name)+"/metrics", http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(res.Body)
		if err := errors.Join(err, res.Body.Close()); err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(text), "\nsipring_proxy_registered_connections 1\n") {
			return name
		}
	}
	t.Fatal("no proxy has the browser's connection")
	return ""
}
