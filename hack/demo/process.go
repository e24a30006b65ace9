package demo

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/sipring/sipring/proxy/peer"
)

// restartDelay is how long the supervisor waits before it starts a dead proxy
// again: what a kubelet takes to restart a container for the first time.
const restartDelay = time.Second

// process is one proxy, as the kubelet would
// run it in a pod: when it dies it is started again under the same name and
// address.
type process struct {
	id      uint32
	name    string
	address netip.Addr
	admin   string // base URL
	args    []string
	log     *os.File
	say     func(format string, args ...any) // told what the supervisor does

	mu       sync.Mutex
	cmd      *exec.Cmd
	restarts int
	died     time.Time // zero while it runs
	killed   bool      // its next end is our doing
	fault    error     // why it ended when it was not
	stopped  bool
	wake     chan struct{} // closed when the supervisor must not restart it any more
	ended    chan struct{} // closed when it will not run again
}

// startProcess runs the proxy until stop; restarts are the supervisor's.
func startProcess(binary, dir string, p *process) (*process, error) {
	log, err := os.OpenFile(filepath.Join(dir, p.name+".log"), os.O_CREATE|os.O_APPEND|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	p.log, p.wake, p.ended = log, make(chan struct{}), make(chan struct{})
	if err := p.start(binary); err != nil {
		_ = log.Close()
		return nil, err
	}
	go p.supervise(binary)
	return p, nil
}

// start runs the process unless it was stopped meanwhile.
func (p *process) start(binary string) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.stopped {
		return nil
	}
	cmd := exec.Command(binary, p.args...) //nolint:noctx // ended by stop, with a grace period
	cmd.Stdout, cmd.Stderr = p.log, p.log
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Pdeathsig: syscall.SIGKILL, // nothing outlives the demo
		Setpgid:   true,            // Ctrl-C is for the demo, which stops its proxies
	}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("start %s: %w", p.name, err)
	}
	p.cmd, p.died, p.killed = cmd, time.Time{}, false
	return nil
}

// supervise waits for the process and starts it again until it was stopped.
func (p *process) supervise(binary string) {
	defer close(p.ended)
	defer p.log.Close()
	for !p.over(p.cmd.Wait()) {
		select {
		case <-time.After(restartDelay):
		case <-p.wake:
			return
		}
		p.say("%s is started again", p.name)
		if err := p.start(binary); err != nil {
			p.blame(err)
			return
		}
	}
}

// over notes that the process ended, and tells whether it was asked to.
func (p *process) over(end error) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.died = time.Now()
	if p.stopped {
		return true
	}
	p.restarts++
	if !p.killed {
		if end == nil {
			end = errors.New("exit status 0")
		}
		p.fault = fmt.Errorf("%s ended by itself: %w: %s", p.name, end, lastLine(p.log))
	}
	return false
}

func (p *process) blame(err error) {
	p.mu.Lock()
	p.fault = err
	p.mu.Unlock()
}

// broken is the reason when the process ended though nobody had asked it to.
func (p *process) broken() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.fault
}

// lastLine is the end of a log: what a process said last.
func lastLine(log *os.File) string {
	info, err := log.Stat()
	if err != nil {
		return ""
	}
	tail := make([]byte, min(info.Size(), 1024))
	n, _ := log.ReadAt(tail, info.Size()-int64(len(tail)))
	lines := strings.Split(strings.TrimSpace(string(tail[:n])), "\n")
	return lines[len(lines)-1]
}

// kill sends SIGKILL and returns when it was sent.
func (p *process) kill() (time.Time, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.killed = true
	now := time.Now()
	return now, p.cmd.Process.Kill()
}

// stop ends the process for good: SIGTERM, then SIGKILL after the grace period.
func (p *process) stop(grace time.Duration) {
	p.mu.Lock()
	if !p.stopped {
		p.stopped = true
		close(p.wake)
	}
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	p.mu.Unlock()
	select {
	case <-p.ended:
	case <-time.After(grace):
		p.mu.Lock()
		_ = p.cmd.Process.Kill()
		p.mu.Unlock()
		<-p.ended
	}
}

// running tells whether the process lives, and how often it was restarted.
func (p *process) running() (bool, int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.died.IsZero(), p.restarts
}

// ready asks the proxy's readiness as a kubelet would.
func (p *process) ready(ctx context.Context) bool {
	if alive, _ := p.running(); !alive {
		return false
	}
	return p.get(ctx, "/readyz", nil) == nil
}

func (p *process) status(ctx context.Context) (*peer.Status, error) {
	s := &peer.Status{}
	return s, p.get(ctx, "/v1/status", s)
}

func (p *process) events(ctx context.Context) ([]peer.Event, error) {
	var e []peer.Event
	return e, p.get(ctx, "/v1/events", &e)
}

// client waits for longer than a kubelet would: a proxy on a busy machine is
// slow and not dead, and one that is dead refuses at once.
var client = &http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}

func (p *process) get(ctx context.Context, path string, into any) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, p.admin+path, nil)
	if err != nil {
		return err
	}
	res, err := client.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return fmt.Errorf("%s%s: %s", p.name, path, res.Status)
	}
	if into == nil {
		return nil
	}
	if err := json.NewDecoder(res.Body).Decode(into); err != nil {
		return errors.Join(fmt.Errorf("%s%s", p.name, path), err)
	}
	return nil
}
