package control

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"syscall"
	"time"

	"github.com/sipring/sipring/proxy/control/answers"
)

// patience is how much longer than the proxy takes at most a client waits for it.
const patience = 5 * time.Second

// Client asks the proxy at one socket.
type Client struct {
	path string
	http *http.Client
}

// NewClient returns a client of the proxy with that socket.
func NewClient(path string) *Client {
	return &Client{path: path, http: &http.Client{Transport: &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, "unix", path)
		},
		DisableKeepAlives: true,
	}}}
}

// Where asks where an AOR belongs.
func (c *Client) Where(ctx context.Context, aor string) (*answers.Where, error) {
	var w answers.Where
	return &w, c.ask(ctx, http.MethodGet, "where", url.Values{"aor": {aor}}, &w)
}

// Bindings asks for a page of at most limit AORs that match the glob, after is the token of the page before it.
func (c *Client) Bindings(ctx context.Context, glob, after string, limit int) (*answers.Page, error) {
	var p answers.Page
	query := url.Values{"aor": {glob}, "after": {after}, "limit": {fmt.Sprint(limit)}}
	return &p, c.ask(ctx, http.MethodGet, "bindings", query, &p)
}

// Unregister removes a contact of an AOR, or all of them if it is empty.
func (c *Client) Unregister(ctx context.Context, aor, contact string) (*answers.Removed, error) {
	var r answers.Removed
	query := url.Values{"aor": {aor}}
	if contact != "" {
		query.Set("contact", contact)
	}
	return &r, c.ask(ctx, http.MethodPost, "unregister", query, &r)
}

// MaxLine is the longest line of a trace, in bytes: redact.MaxText, each byte as six characters, and what stands beside it.
const MaxLine = 64 << 10

// Trace asks for the messages of an AOR. What it returns is read line by line until an End, and closed.
func (c *Client) Trace(ctx context.Context, aor string, length time.Duration, most int) (io.ReadCloser, error) {
	ctx, cancel := context.WithTimeout(ctx, length+readerTime+patience)
	body, err := c.open(ctx, http.MethodGet, "trace", url.Values{"aor": {aor}, "for": {length.String()}, "max": {fmt.Sprint(most)}})
	if err != nil {
		cancel()
		return nil, err
	}
	return &lines{body, cancel}, nil
}

// lines are those of a trace, which end with the request.
type lines struct {
	io.ReadCloser
	cancel context.CancelFunc
}

// Close implements io.Closer.
func (l *lines) Close() error {
	l.cancel()
	return l.ReadCloser.Close()
}

// maxStep is the longest line of a drain, in bytes.
const maxStep = 4 << 10

// Drain has the proxy leave the cluster, or joins in waiting for that, and tells how far it has come, with each change,
// until it is drained or ctx ends, which it is told of if that is known. What has begun goes on if ctx ends.
func (c *Client) Drain(ctx context.Context, tell func(answers.Drain) error) error {
	query := url.Values{}
	if deadline, ok := ctx.Deadline(); ok {
		query.Set(atMost, time.Until(deadline).String())
	}
	body, err := c.open(ctx, http.MethodPost, "drain", query)
	if err != nil {
		return err
	}
	defer func() { _ = body.Close() }()
	lines := bufio.NewScanner(body)
	lines.Buffer(nil, maxStep)
	for lines.Scan() {
		var d answers.Drain
		if err := json.Unmarshal(lines.Bytes(), &d); err != nil {
			return fmt.Errorf("read the proxy's answer: %w", err)
		}
		if err := tell(d); err != nil || d.Drained {
			return err
		}
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return errors.New("the proxy has ended before it was drained")
}

// ask reads the answer to one request into v.
func (c *Client) ask(ctx context.Context, method, what string, query url.Values, v any) error {
	ctx, cancel := context.WithTimeout(ctx, answerTime+patience)
	defer cancel()
	body, err := c.open(ctx, method, what, query)
	if err != nil {
		return err
	}
	defer func() { _ = body.Close() }()
	b, err := io.ReadAll(io.LimitReader(body, maxAnswer+1))
	if err != nil {
		return fmt.Errorf("read the proxy's answer: %w", err)
	}
	if err := json.Unmarshal(b, v); err != nil {
		return fmt.Errorf("read the proxy's answer: %w", err)
	}
	return nil
}

// open begins a request, and returns the body of its answer.
func (c *Client) open(ctx context.Context, method, what string, query url.Values) (io.ReadCloser, error) {
	r, err := http.NewRequestWithContext(ctx, method, "http://proxy/v1/"+what+"?"+query.Encode(), nil)
	if err != nil {
		return nil, err
	}
	answer, err := c.http.Do(r)
	if err != nil {
		return nil, c.explain(err)
	}
	if answer.StatusCode == http.StatusOK {
		return answer.Body, nil
	}
	defer func() { _ = answer.Body.Close() }()
	p := &Problem{Status: answer.StatusCode}
	if json.NewDecoder(io.LimitReader(answer.Body, maxHeader)).Decode(p) != nil || p.Reason == "" {
		p.Reason = "the proxy answered " + answer.Status
	}
	return nil, p
}

// explain says what is to be done about a socket that does not answer.
func (c *Client) explain(err error) error {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("there is no socket at %s: is this the proxy's host or container, and its controlSocket set?", c.path)
	case errors.Is(err, context.DeadlineExceeded):
		return fmt.Errorf("the proxy at %s does not answer", c.path)
	case errors.Is(err, syscall.ECONNREFUSED):
		return fmt.Errorf("no proxy listens at %s", c.path)
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("%s is for the user that the proxy runs as: %w", c.path, err)
	case errors.Is(err, io.EOF), errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		return fmt.Errorf("the proxy closed the connection: it takes %d at a time, of its own user and root", maxConnections)
	}
	return fmt.Errorf("ask the proxy at %s: %w", c.path, err)
}
