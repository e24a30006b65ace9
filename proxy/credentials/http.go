package credentials

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"time"

	"github.com/sipring/sipring/proxy/config"
)

const (
	// maxAnswer bounds the body of an answer, in bytes.
	maxAnswer = 64 << 10
	// maxAnswerHeader bounds its header.
	maxAnswerHeader = 16 << 10
	// idleTime is how long a connection is kept without a question.
	idleTime = 30 * time.Second
)

// httpSource asks a service.
type httpSource struct {
	url    string
	token  *reloaded[string] // nil: none
	client *reloaded[*http.Client]
}

func openHTTP(c *config.Credentials, log *slog.Logger, m *Metrics) (Store, error) {
	set := readSettings(c)
	src, err := newHTTPSource(c.HTTP, set)
	if err != nil {
		return nil, fmt.Errorf("credentials: %w", err)
	}
	return newRemote(sourceHTTP, src, set, defaultBounds, log, m), nil
}

func newHTTPSource(c *config.HTTPCredentials, set settings) (*httpSource, error) {
	u, err := url.Parse(c.URL)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return nil, errors.New("http: the URL is neither of http nor of https") // which may hold a password
	}
	if (c.CertificateFile == "") != (c.KeyFile == "") {
		return nil, errors.New("http: a certificate needs a key, and a key a certificate")
	}
	s := &httpSource{url: c.URL}
	if c.BearerFile != "" {
		s.token = &reloaded[string]{paths: []string{c.BearerFile}, build: readToken}
	}
	s.client = httpClient(c, set)
	return s, nil
}

// readToken reads a bearer token (RFC 6750 2.1).
func readToken(contents [][]byte) (string, error) {
	token := string(bytes.TrimSpace(contents[0]))
	for _, c := range []byte(token) {
		if c <= ' ' || c >= 0x7f {
			return "", errors.New("http: the bearer token has characters that a token has not")
		}
	}
	if token == "" {
		return "", errors.New("http: the bearer token is empty")
	}
	return token, nil
}

// httpClient is made of the files for TLS: those that are named.
func httpClient(c *config.HTTPCredentials, set settings) *reloaded[*http.Client] {
	var paths []string
	for _, path := range []string{c.CAFile, c.CertificateFile, c.KeyFile} {
		if path != "" {
			paths = append(paths, path)
		}
	}
	return &reloaded[*http.Client]{
		paths: paths,
		drop:  func(old *http.Client) { old.CloseIdleConnections() },
		build: func(contents [][]byte) (*http.Client, error) {
			t := &tls.Config{MinVersion: tls.VersionTLS12}
			if c.CAFile != "" {
				t.RootCAs = x509.NewCertPool()
				if !t.RootCAs.AppendCertsFromPEM(contents[0]) {
					return nil, fmt.Errorf("http: no certificate in %s", c.CAFile)
				}
				contents = contents[1:]
			}
			if c.CertificateFile != "" {
				pair, err := tls.X509KeyPair(contents[0], contents[1])
				if err != nil {
					return nil, fmt.Errorf("http: certificate and key: %w", err)
				}
				t.Certificates = []tls.Certificate{pair}
			}
			return newClient(t, set), nil
		},
	}
}

// newClient follows no redirect, unpacks nothing and uses no proxy: what it is told is secret.
func newClient(t *tls.Config, set settings) *http.Client {
	return &http.Client{
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport: &http.Transport{
			DialContext:         (&net.Dialer{Timeout: set.timeout}).DialContext,
			TLSClientConfig:     t,
			ForceAttemptHTTP2:   true,
			DisableCompression:  true,
			MaxConnsPerHost:     set.concurrent,
			MaxIdleConnsPerHost: set.concurrent,
			IdleConnTimeout:     idleTime, MaxResponseHeaderBytes: maxAnswerHeader,
		},
	}
}

// asked is the body of a question.
type asked struct {
	Username string `json:"username"`
	Realm    string `json:"realm"`
	Method   string `json:"method,omitempty"`
	Source   string `json:"source,omitempty"`
}

// ask implements source.
func (s *httpSource) ask(ctx context.Context, q *question) (finding, error) {
	response, err := s.post(ctx, q)
	if err != nil {
		return finding{}, err
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer+1))
	if err != nil {
		return finding{}, fmt.Errorf("http: read answer: %w", err)
	}
	switch code := response.StatusCode; {
	case code == http.StatusNotFound:
		return finding{}, nil
	case code >= 500 || code == http.StatusTooManyRequests:
		return finding{}, fmt.Errorf("http: answered %d", code)
	case code != http.StatusOK:
		return finding{}, &oddity{fmt.Errorf("http: answered %d", code)}
	}
	found, err := parseAnswer(body)
	if err != nil {
		return finding{}, &oddity{fmt.Errorf("http: answer: %w", err)}
	}
	return found, nil
}

func (s *httpSource) post(ctx context.Context, q *question) (*http.Response, error) {
	client, err := s.client.get()
	if err != nil {
		return nil, err
	}
	a := asked{Username: q.username, Realm: q.realm, Method: q.method}
	if q.from.IsValid() {
		a.Source = q.from.String()
	}
	body, err := json.Marshal(a)
	if err != nil {
		return nil, err
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, s.url, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Accept", "application/json")
	if s.token != nil {
		token, err := s.token.get()
		if err != nil {
			return nil, err
		}
		r.Header.Set("Authorization", "Bearer "+token)
	}
	response, err := client.Do(r)
	if wrapped := (*url.Error)(nil); errors.As(err, &wrapped) {
		err = fmt.Errorf("http: %w", wrapped.Err) // without the URL
	}
	return response, err
}

// close implements source.
func (s *httpSource) close() {
	if client, err := s.client.get(); err == nil {
		client.CloseIdleConnections()
	}
}
