package fleet

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
	"github.com/sipring/sipring/proxy/server"
)

// RestartDelay is how long the supervisor waits before it starts a dead proxy
// again: what a kubelet takes to restart a container for the first time.
const RestartDelay = time.Second

// Process is one proxy, as the kubelet would run it in a pod: when it dies it is
// started again under the same name and address. The exported fields do not
// change once Start has it; the methods may be called concurrently.
type Process struct {
	ID      uint32
	Name    string
	Address netip.Addr
	Admin   string // base URL
	Health  string // base URL of what a kubelet asks
	Args    []string
	Env     []string                         // beside this program's own
	Say     func(format string, args ...any) // told what the supervisor does

	log *os.File

	mu       sync.Mutex
	cmd      *exec.Cmd
	restarts int
	delay    time.Duration // before its next start
	died     time.Time     // zero while it runs
	asked    bool          // its next end is our doing
	fault    error         // why it ended when it was not
	stopped  bool
	wake     chan struct{} // closed when the supervisor must not restart it any more
	ended    chan struct{} // closed when it will not run again
}

// Start runs the proxy until stop; restarts are the supervisor's.
func Start(binary, dir string, p *Process) (*Process, error) {
	log, err := os.OpenFile(filepath.Join(dir, p.Name+".log"), os.O_CREATE|os.O_APPEND|os.O_RDWR, 0o600)
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
func (p *Process) start(binary string) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.stopped {
		return nil
	}
	cmd := exec.Command(binary, p.Args...) //nolint:noctx,gosec // ended by stop, with a grace period; the caller names the binary
	cmd.Stdout, cmd.Stderr = p.log, p.log
	cmd.Env = append(os.Environ(), p.Env...)
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Pdeathsig: syscall.SIGKILL, // nothing outlives us
		Setpgid:   true,            // Ctrl-C is for us, and we stop the proxies
	}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("start %s: %w", p.Name, err)
	}
	p.cmd, p.died, p.asked, p.delay = cmd, time.Time{}, false, RestartDelay
	return nil
}

// supervise waits for the process and starts it again until it was stopped.
func (p *Process) supervise(binary string) {
	defer close(p.ended)
	defer p.log.Close()
	for !p.over(p.cmd.Wait()) {
		select {
		case <-time.After(p.waits()):
		case <-p.wake:
			return
		}
		p.Say("%s is started again", p.Name)
		if err := p.start(binary); err != nil {
			p.blame(err)
			return
		}
	}
}

// waits is how long it stays down.
func (p *Process) waits() time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.delay
}

// over notes that the process ended, and tells whether it was asked to.
func (p *Process) over(end error) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.died = time.Now()
	if p.stopped {
		return true
	}
	p.restarts++
	if !p.asked {
		if end == nil {
			end = errors.New("exit status 0")
		}
		p.fault = fmt.Errorf("%s ended by itself: %w: %s", p.Name, end, lastLine(p.log))
	}
	return false
}

func (p *Process) blame(err error) {
	p.mu.Lock()
	p.fault = err
	p.mu.Unlock()
}

// Broken is the reason when the process ended though nobody had asked it to.
func (p *Process) Broken() error {
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

// Kill sends SIGKILL and returns when it was sent.
func (p *Process) Kill() (time.Time, error) { return p.End(syscall.SIGKILL, RestartDelay) }

// End sends a signal that ends the process, and returns when it was sent. The
// process is started again after the delay.
func (p *Process) End(signal syscall.Signal, delay time.Duration) (time.Time, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.asked, p.delay = true, delay
	now := time.Now()
	return now, p.cmd.Process.Signal(signal)
}

// Pause takes the CPU from the process (SIGSTOP) until Resume.
func (p *Process) Pause() error { return p.signal(syscall.SIGSTOP) }

// Resume lets it go on (SIGCONT).
func (p *Process) Resume() error { return p.signal(syscall.SIGCONT) }

func (p *Process) signal(s syscall.Signal) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.cmd.Process.Signal(s)
}

// Stop ends the process for good, a paused one too: SIGTERM, then SIGKILL after
// the grace period.
func (p *Process) Stop(grace time.Duration) {
	p.mu.Lock()
	if !p.stopped {
		p.stopped = true
		close(p.wake)
	}
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	_ = p.cmd.Process.Signal(syscall.SIGCONT)
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

// Running tells whether the process lives, and how often it was restarted.
func (p *Process) Running() (bool, int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.died.IsZero(), p.restarts
}

// PID is that of the process that runs, or ran last.
func (p *Process) PID() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.cmd.Process.Pid
}

// Live asks whether the proxy should be left running, as a kubelet would.
func (p *Process) Live(ctx context.Context) error { return p.get(ctx, p.Health+"/healthz", nil) }

// Ready asks the proxy's readiness as a kubelet would.
func (p *Process) Ready(ctx context.Context) bool {
	if alive, _ := p.Running(); !alive {
		return false
	}
	return p.get(ctx, p.Health+"/readyz", nil) == nil
}

// Status is what a proxy shows of the cluster and of itself.
type Status struct {
	peer.Status
	Traffic server.Traffic `json:"traffic"`
}

// Status is the proxy's own view of the cluster.
func (p *Process) Status(ctx context.Context) (*Status, error) {
	s := &Status{}
	return s, p.get(ctx, p.Admin+"/v1/status", s)
}

// Events are what the proxy saw happen.
func (p *Process) Events(ctx context.Context) ([]peer.Event, error) {
	var e []peer.Event
	return e, p.get(ctx, p.Admin+"/v1/events", &e)
}

var client = &http.Client{Timeout: PatientProbe, Transport: &http.Transport{DisableKeepAlives: true}}

func (p *Process) get(ctx context.Context, url string, into any) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	res, err := client.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return fmt.Errorf("%s, %s: %s", p.Name, url, res.Status)
	}
	if into == nil {
		return nil
	}
	if err := json.NewDecoder(res.Body).Decode(into); err != nil {
		return errors.Join(fmt.Errorf("%s, %s", p.Name, url), err)
	}
	return nil
}
