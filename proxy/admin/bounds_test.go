package admin

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// TestProbesAreAnsweredWhoeverHoldsConnections: many that wait, in each way there
// is to wait, keep no probe out, and few of them are held.
func TestProbesAreAnsweredWhoeverHoldsConnections(t *testing.T) {
	const callers = 600
	// A probe that waits for one of them waits longer: they are let go after five
	// seconds at the soonest. It is given one, but the machine may be busy.
	const probeTimeout = 4 * time.Second
	ways := map[string]string{
		"silent":              "",
		"half a header":       "GET /healthz HTTP/1.1\r\nHost: a\r\nX: ",
		"a body that is late": "GET /healthz HTTP/1.1\r\nHost: a\r\nContent-Length: 4000\r\n\r\n",
		"answered, and idle":  "GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n",
		"nothing is read":     "GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n",
	}
	for way, says := range ways {
		t.Run(way, func(t *testing.T) {
			s := startServer(t, &fake{ready: true}, false)
			for name, address := range map[string]string{"health": s.HealthAddress().String(), "admin": s.Address().String()} {
				var held []net.Conn
				for i := range callers {
					d := net.Dialer{Timeout: 10 * time.Second, LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, byte(i%50), 9)}}
					if i%2 == 0 {
						d.LocalAddr = &net.TCPAddr{IP: net.IPv4(127, 0, 0, 9)}
					}
					conn, err := d.Dial("tcp", address)
					if err != nil {
						t.Fatal(err)
					}
					held = append(held, conn)
					_, _ = io.WriteString(conn, says)
				}
				probe := &http.Client{Timeout: probeTimeout, Transport: &http.Transport{DisableKeepAlives: true}}
				for _, path := range []string{"/healthz", "/readyz"} {
					r, err := probe.Get("http://" + address + path)
					if err != nil {
						t.Errorf("%s port: %v", name, err)
						continue
					}
					_ = r.Body.Close()
				}
				open := stillOpen(held)
				for range 10 { // a busy machine may not tell in time
					if len(open) > adminBounds.places.Total {
						open = stillOpen(open)
					}
				}
				if len(open) > adminBounds.places.Total {
					t.Errorf("%s port: %d of %d connections are held", name, len(open), callers)
				}
				for _, conn := range held {
					_ = conn.Close()
				}
			}
		})
	}
}

// stillOpen are the connections that the other side has not closed, as far as is
// seen in a moment.
func stillOpen(all []net.Conn) (open []net.Conn) {
	for _, conn := range all {
		_ = conn.SetReadDeadline(time.Now().Add(time.Millisecond))
		if _, err := io.Copy(io.Discard, conn); errors.Is(err, os.ErrDeadlineExceeded) {
			open = append(open, conn)
		}
	}
	return open
}

// TestPageCostsATwentieth of the time, whoever asks how often, and is no older
// than it may be.
func TestPageCostsATwentieth(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const cost, during = 10 * time.Millisecond, 10 * time.Second
		var made atomic.Int64
		p := &page[time.Time]{make: func() time.Time {
			made.Add(1)
			now := time.Now()
			time.Sleep(cost) // the test's clock
			return now
		}}
		var asking sync.WaitGroup
		end := time.Now().Add(during)
		for range 20 {
			asking.Go(func() {
				for time.Now().Before(end) {
					at, ok := p.get(t.Context())
					if age := time.Since(at); !ok || age > (remake+2)*cost {
						t.Errorf("%v, %v old", ok, age)
					}
					time.Sleep(time.Millisecond) // the test's clock
				}
			})
		}
		asking.Wait()
		if n, most := made.Load(), int64(during/((remake+1)*cost))+1; n > most || n < most*9/10 {
			t.Errorf("made %d times in %v, want up to %d", n, during, most)
		}
	})
}

// TestPageThatHangs is asked for once, however many wait for it, and they do not
// wait for ever.
func TestPageThatHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var made atomic.Int64
		goOn := make(chan struct{})
		p := &page[int]{make: func() int { made.Add(1); <-goOn; return 7 }}
		gone, leave := context.WithCancel(t.Context())
		began := time.Now()
		var asking sync.WaitGroup
		for i := range 10 {
			ctx := t.Context()
			if i%2 == 0 {
				ctx = gone
			}
			asking.Go(func() {
				if _, ok := p.get(ctx); ok {
					t.Error("got what was not made")
				}
			})
		}
		leave()
		asking.Wait()
		if took := time.Since(began); took != pageTimeout || made.Load() != 1 {
			t.Errorf("waited %v, made %d times", took, made.Load())
		}
		close(goOn)
		synctest.Wait()
		if v, ok := p.get(t.Context()); !ok || v != 7 {
			t.Errorf("after it was made: %d, %v", v, ok)
		}
	})
}

// TestAskersArePaced: who asks without end is answered later, and nobody else is.
func TestAskersArePaced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := paced(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { text(w, http.StatusOK, "ok") }))
		ask := func(from string) time.Duration {
			began := time.Now()
			r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/healthz", http.NoBody)
			r.RemoteAddr = from
			w := httptest.NewRecorder()
			h.ServeHTTP(w, r)
			if w.Code != http.StatusOK {
				t.Errorf("%s: %d", from, w.Code)
			}
			return time.Since(began)
		}
		const callers, each = 64, 50
		began := time.Now()
		var asking sync.WaitGroup
		for i := range callers {
			asking.Go(func() {
				for range each {
					ask(fmt.Sprintf("192.0.2.1:%d", 1000+i))
				}
			})
		}
		asking.Go(func() {
			for range 20 {
				if took := ask("192.0.2.2:1000"); took > 0 {
					t.Errorf("another waits for %v", took)
				}
				time.Sleep(100 * time.Millisecond) // the test's clock
			}
		})
		asking.Wait()
		const all = callers * each
		if most := askRate.Burst + int(time.Since(began)/time.Second+1)*(askRate.Rate+callers*int(time.Second/pause)); all > most {
			t.Errorf("%d requests in %v, want at most %d", all, time.Since(began), most)
		}
		time.Sleep(10 * time.Second) // the test's clock
		if took := ask("192.0.2.1:1000"); took > 0 {
			t.Errorf("who has paused waits for %v", took)
		}
	})
}

// TestEventsKeepTheirForm as an array, whatever is left out.
func TestEventsKeepTheirForm(t *testing.T) {
	f := &fake{}
	f.add("one")
	f.add("two")
	base := start(t, f, false)
	for after, want := range map[int]string{
		0: "[\n  {\n    \"kind\": \"one\"\n  },\n  {\n    \"kind\": \"two\"\n  }\n]\n",
		1: "[\n  {\n    \"kind\": \"two\"\n  }\n]\n",
		2: "[]\n",
	} {
		if _, got := get(t, fmt.Sprintf("%s/v1/events?after=%d", base, after)); got != want {
			t.Errorf("after %d: %q, want %q", after, got, want)
		}
	}
}
