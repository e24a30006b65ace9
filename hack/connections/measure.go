package main

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/gobwas/ws"

	"github.com/sipring/sipring/proxy/flow"
)

// measured is what n connections cost.
type measured struct {
	resident int     // of the whole process, in bytes
	each     float64 // of one more connection
}

// warm is how many connections there are before the first look: code and pools that
// are there once count as nobody's.
const warm = 100

func measure(program string, t flow.Transport, n int) (m measured, err error) {
	s, err := start(program, t)
	if err != nil {
		return m, err
	}
	defer func() { err = errors.Join(err, s.stop()) }()
	var before int
	for _, many := range []int{warm, n} {
		if err := s.open(t, many); err != nil {
			return m, err
		}
		before = m.resident
		if m.resident, err = s.resident(); err != nil {
			return m, err
		}
	}
	m.each = float64(m.resident-before) / float64(n)
	return m, nil
}

// server is the process that is measured.
type server struct {
	cmd     *exec.Cmd
	in      io.WriteCloser
	out     *bufio.Scanner
	address string
	opened  []net.Conn
}

func start(program string, t flow.Transport) (*server, error) {
	s := &server{cmd: exec.CommandContext(context.Background(), program)}
	s.cmd.Env = append(os.Environ(), asServer+"="+t.String())
	s.cmd.Stderr = os.Stderr
	in, err := s.cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := s.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := s.cmd.Start(); err != nil {
		return nil, err
	}
	s.in, s.out = in, bufio.NewScanner(out)
	if !s.out.Scan() {
		return nil, errors.Join(errors.New("it does not listen"), s.stop())
	}
	s.address = s.out.Text()
	return s, nil
}

func (s *server) stop() error {
	for _, c := range s.opened {
		_ = c.Close()
	}
	_ = s.in.Close()
	return s.cmd.Wait()
}

// resident is its memory, in bytes, when it has given back what it can.
func (s *server) resident() (int, error) {
	if _, err := fmt.Fprintln(s.in); err != nil {
		return 0, err
	}
	if !s.out.Scan() {
		return 0, errors.New("it says nothing")
	}
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", s.cmd.Process.Pid))
	if err != nil {
		return 0, err
	}
	_, rest, _ := strings.Cut(string(status), "VmRSS:")
	kib, err := strconv.Atoi(strings.Fields(rest)[0])
	return kib << 10, err
}

// open opens n connections more.
func (s *server) open(t flow.Transport, n int) error {
	var mu sync.Mutex
	var all sync.WaitGroup
	var failed error
	left := make(chan struct{}, n)
	for range n {
		left <- struct{}{}
	}
	close(left)
	for range 32 {
		all.Go(func() {
			for range left {
				c, err := connect(t, s.address)
				mu.Lock()
				if failed = errors.Join(failed, err); err == nil {
					s.opened = append(s.opened, c)
				}
				stop := failed != nil
				mu.Unlock()
				if stop {
					return
				}
			}
		})
	}
	all.Wait()
	return failed
}

// connect opens a connection and has two messages sent back.
func connect(t flow.Transport, address string) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	trusting := &tls.Config{InsecureSkipVerify: true}
	text := "OPTIONS sip:a@a.example SIP/2.0\r\nSubject: " + strings.Repeat("x", 640) + "\r\nContent-Length: 0\r\n\r\n"
	answer := len(text)
	var c net.Conn
	var err error
	switch t {
	case flow.TCP:
		c, err = (&net.Dialer{}).DialContext(ctx, "tcp", address)
	case flow.TLS:
		c, err = (&tls.Dialer{Config: trusting}).DialContext(ctx, "tcp", address)
	default:
		d := ws.Dialer{Protocols: []string{"sip"}, TLSConfig: trusting}
		c, _, _, err = d.Dial(ctx, strings.ToLower(t.String())+"://"+address+"/")
		text = string(ws.MustCompileFrame(ws.MaskFrame(ws.NewTextFrame([]byte(text)))))
		answer += 4 // of a header
	}
	if err != nil {
		return nil, err
	}
	_ = c.SetDeadline(time.Now().Add(time.Minute))
	for range 2 {
		if _, err := io.WriteString(c, text); err != nil {
			return nil, errors.Join(err, c.Close())
		}
		if _, err := io.CopyN(io.Discard, c, int64(answer)); err != nil {
			return nil, errors.Join(err, c.Close())
		}
	}
	return c, nil
}
