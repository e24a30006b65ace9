package phones

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/emiago/sipgo/sip"
)

// Call is an established call that this side began. Its methods may not be
// called concurrently.
type Call struct {
	p              *Phone
	callID         string
	from, to       string
	target         string   // the other end's Contact URI
	routes         []string // Route header values, in the order to send them
	cseq           uint32
	proof          []string      // header lines of the last INVITE that said who sent it
	Setup          time.Duration // INVITE sent to 200 received
	Answered       time.Time     // when the 200 was received
	Queued         bool          // an INVITE of it waited for the phone (182)
	Application    string        // the X-Application of the 200, if it has one
	Software       string        // the Server or User-Agent of the 200, if it has one
	RecordRoute    string        // as the callee returned it
	RemoteUserPart string
	// Ended is closed when the call is over. Nil at the end that was called.
	Ended <-chan struct{}
}

const offer = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 40000 RTP/AVP 0\r\n"

// Dial calls user at the phone's own domain and returns once it was answered
// and acknowledged. Any other final response is an error that names it.
func (p *Phone) Dial(ctx context.Context, user string) (*Call, error) {
	c := &Call{
		p: p, callID: sip.GenerateTagN(24), cseq: 1, RemoteUserPart: user,
		from: fmt.Sprintf("<%s>;tag=%s", p.AOR(), sip.GenerateTagN(12)),
		to:   fmt.Sprintf("<sip:%s@%s>", user, p.cfg.Domain),
	}
	began := time.Now()
	res, err := c.do(ctx, request{
		method: "INVITE", uri: fmt.Sprintf("sip:%s@%s", user, p.cfg.Domain), from: c.from, to: c.to, callID: c.callID, cseq: c.cseq,
		contact: p.contactLine, headers: []string{"Content-Type: application/sdp"}, body: offer,
	})
	if err != nil {
		return nil, &dialError{user: user, callID: c.callID, queued: c.Queued, err: err}
	}
	if res.StatusCode != sip.StatusOK {
		return nil, refused("INVITE "+user, res)
	}
	c.Answered = time.Now()
	c.Setup = c.Answered.Sub(began)
	if err := c.adopt(res); err != nil {
		return nil, fmt.Errorf("INVITE %s: %w", user, err)
	}
	c.Ended = p.making(c.callID)
	return c, c.ack()
}

// do sends a request of the call. An ACK has its INVITE's number and credentials (RFC 3261
// 13.2.2.4).
func (c *Call) do(ctx context.Context, r request) (*sip.Response, error) {
	res, err := c.p.do(ctx, &r)
	c.cseq = r.cseq
	if r.method == "INVITE" {
		c.proof, c.Queued = r.proof, c.Queued || r.queued
	}
	return res, err
}

// dialError is a call that was not answered.
type dialError struct {
	user, callID string
	queued       bool
	err          error
}

// Queued reports whether the call that was not answered, by an error of Dial, waited for
// the phone.
func Queued(err error) bool {
	var lost *dialError
	return errors.As(err, &lost) && lost.queued
}

func (e *dialError) Error() string { return "INVITE " + e.user + ": " + e.err.Error() }

func (e *dialError) Unwrap() error { return e.err }

func recordRoutes(m sip.Message) (routes []string) {
	for _, h := range m.GetHeaders("Record-Route") {
		routes = append(routes, h.Value())
	}
	return routes
}

// adopt takes the dialog's remote half from the 200 (RFC 3261 12.1.2).
func (c *Call) adopt(res *sip.Response) error {
	contact := res.Contact()
	if contact == nil || res.To() == nil {
		return fmt.Errorf("the 200 has no Contact or To")
	}
	c.target, c.to = contact.Address.String(), res.To().Value()
	if by := res.GetHeader("X-Application"); by != nil {
		c.Application = by.Value()
	}
	for _, name := range []string{"User-Agent", "Server"} {
		if by := res.GetHeader(name); by != nil {
			c.Software = by.Value()
		}
	}
	c.routes = recordRoutes(res)
	slices.Reverse(c.routes)
	if len(c.routes) > 0 {
		c.RecordRoute = c.routes[0]
	}
	return nil
}

func (c *Call) inDialog(method string) request {
	r := request{method: method, uri: c.target, from: c.from, to: c.to, callID: c.callID, cseq: c.cseq, via: c.nextHop()}
	for _, route := range c.routes {
		r.headers = append(r.headers, "Route: "+route)
	}
	return r
}

func (c *Call) ack() error {
	r := c.inDialog("ACK")
	r.proof = c.proof
	req, err := c.p.build(r)
	if err != nil {
		return err
	}
	c.p.acknowledges(c.callID, req)
	if err := c.p.client.WriteRequest(req, asBuilt); err != nil {
		return fmt.Errorf("ACK: %w", err)
	}
	return nil
}

// nextHop is where requests within the dialog go; empty for the proxy.
func (c *Call) nextHop() string {
	if c.p.line != nil || !c.p.cfg.ByRoute || len(c.routes) == 0 {
		return ""
	}
	var uri sip.Uri
	var params sip.HeaderParams
	if _, err := sip.ParseAddressValue(c.routes[0], &uri, &params); err != nil {
		return ""
	}
	host, err := netip.ParseAddr(strings.Trim(uri.Host, "[]"))
	if err != nil {
		return "" // a name, which the proxy's address stands for
	}
	return netip.AddrPortFrom(host, uint16(cmp.Or(uri.Port, sip.DefaultUdpPort))).String()
}

// Ask sends a request within the call, such as INFO, and returns the status of the final
// response.
func (c *Call) Ask(ctx context.Context, method string) (status int, err error) {
	c.cseq++
	res, err := c.do(ctx, c.inDialog(method))
	if err != nil {
		return 0, fmt.Errorf("%s to %s: %w", method, c.RemoteUserPart, err)
	}
	return res.StatusCode, nil
}

// Bye hangs up; nil when the other end answered 200.
func (c *Call) Bye(ctx context.Context) error {
	c.cseq++
	res, err := c.do(ctx, c.inDialog("BYE"))
	if err != nil {
		return fmt.Errorf("BYE %s: %w", c.RemoteUserPart, err)
	}
	if res.StatusCode != sip.StatusOK {
		return refused("BYE "+c.RemoteUserPart, res)
	}
	c.p.ended(c.callID)
	return nil
}
